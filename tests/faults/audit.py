"""Ask for known vulnerabilities of the packages in requirements.lock: `make audit`.

    python tests/faults/audit.py PIP_AUDIT

`PIP_AUDIT` is the program of an environment of its own. It asks a service in the
network, https://pypi.org by default; where that cannot be reached, one line says so.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: What pip-audit's error says where the service does not answer.
UNREACHABLE = ("ServiceError", "ConnectionError", "Max retries", "Timeout", "HTTPError")

#: Exit code where nothing could be asked; pip-audit's is 1 for vulnerabilities.
NOT_ASKED = 2


def main(program: str) -> int:
    """Run pip-audit, and return the exit code."""
    options = ["--disable-pip", "--require-hashes", "--progress-spinner=off"]
    done = subprocess.run(
        [program, *options, "--format=json", "-r", ROOT / "requirements.lock"],
        capture_output=True,
        text=True,
    )
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        if any(word in done.stderr for word in UNREACHABLE):
            last = f"the service of known vulnerabilities cannot be reached: {last}"
        print(f"nothing was audited: {last}", file=sys.stderr)
        return NOT_ASKED
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    known = [package for package in packages if package.get("vulns")]
    for package in known:
        for found in package["vulns"]:
            fixed = ", ".join(found["fix_versions"]) or "no version"
            name = f"{package['name']} {package['version']}"
            print(f"{name}: {found['id']}, fixed in {fixed}")
    # pip-audit itself is content where the service knows none of the packages.
    if skipped:
        some = ", ".join(skipped[:5])
        print(
            f"{len(skipped)} of {len(packages)} packages were not audited, the service"
            f" of known vulnerabilities does not answer for them: {some}…",
            file=sys.stderr,
        )
        return NOT_ASKED
    print(f"{len(packages)} packages were audited")
    return int(bool(known))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
