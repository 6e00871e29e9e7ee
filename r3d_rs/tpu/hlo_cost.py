"""What a compiled program takes, when the bodies of its loops run more than once.

XLA's own count has every loop's body once, and a row of equal blocks is a loop
(`models.repeat`).
"""

import re


def cost(text: str) -> tuple[float, float]:
    """Count a compiled program's operations and its traffic to and from memory.

    Args:
        text: of the compiled module, `Compiled.as_text()` of JAX.

    Returns:
        Operations, two a multiply-add, and bytes accessed, as XLA counts them.

    Raises:
        ValueError: for a loop of JAX whose number of rounds is not in the program.
    """
    flops, moved = _counted(text)
    for body, rounds in loops(text).items():
        own, traffic = _counted(_entered(text, body))
        flops += (rounds - 1) * own
        moved += (rounds - 1) * traffic
    return flops, moved


def loops(text: str) -> dict[str, int]:
    """Return the bodies of JAX's loops by name, and how often each runs.

    The compiler's own loops, which no program asked for, are not among them.

    Raises:
        ValueError: as `cost` does.
    """
    pattern = (
        r" while\(.*?condition=%([\w.-]+), body=%([\w.-]+),.*?op_name=\"([^\"]*)\""
    )
    found = {}
    for condition, body, name in re.findall(pattern, text):
        if not name.endswith("/while"):
            continue
        code = re.search(
            rf"^%{re.escape(condition)} .*?^}}", text, re.MULTILINE | re.DOTALL
        )
        rounds = set(re.findall(r" constant\((\d+)\)", code[0]))
        if len(rounds) != 1:
            raise ValueError(
                f"loop {name}: found {sorted(rounds)} as the number of its rounds;"
                " expected one number"
            )
        found[body] = int(rounds.pop())
    return found


def _entered(text: str, computation: str) -> str:
    """Return a module that begins with another of its computations."""
    text = re.sub("^ENTRY ", "", text, flags=re.MULTILINE)
    name = re.escape(f"%{computation} ")
    text = re.sub(f"^{name}", f"ENTRY %{computation} ", text, flags=re.MULTILINE)
    # What the first line says of arguments and results is about the old one.
    head, rest = text.split("\n", 1)
    return f"{head.split(',')[0]}\n{rest}"


def _counted(text: str) -> tuple[float, float]:
    # JAX has no public way to count a module that it has not just compiled.
    import jax
    from jaxlib import _jax

    try:
        from jaxlib._hlo import hlo_module_from_text
    except ImportError:  # before 0.10
        from jaxlib._jax import hlo_module_from_text

    client = jax.devices("cpu")[0].client
    counted = _jax.hlo_module_cost_analysis(client, hlo_module_from_text(text))
    return counted["flops"], counted["bytes accessed"]
