"""Operations and traffic of a compiled program, with every iteration of its loops.

XLA counts the body of a loop only once. A row of equal blocks is a loop
(`models.repeat`).
"""

import re


def cost(text: str) -> tuple[float, float]:
    """Count a compiled program's operations and its traffic to and from memory.

    Args:
        text: text of the compiled module, from JAX's `Compiled.as_text()`.

    Returns:
        Operations (two per multiply-add) and bytes accessed, as counted by XLA.

    Raises:
        ValueError: if a JAX loop does not give one number of iterations.
    """
    flops, moved = _counted(text)
    for body, rounds in loops(text).items():
        own, traffic = _counted(_entered(text, body))
        flops += (rounds - 1) * own
        moved += (rounds - 1) * traffic
    return flops, moved


def loops(text: str) -> dict[str, int]:
    """Return the number of iterations of JAX's loops, by the name of the loop body.

    Loops that the compiler adds are left out.

    Raises:
        ValueError: as in `cost`.
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
                f"loop {name}: found {sorted(rounds)} as its number of"
                " iterations, expected one number"
            )
        found[body] = int(rounds.pop())
    return found


def _entered(text: str, computation: str) -> str:
    """Return a module's text with another computation as its entry."""
    text = re.sub("^ENTRY ", "", text, flags=re.MULTILINE)
    name = re.escape(f"%{computation} ")
    text = re.sub(f"^{name}", f"ENTRY %{computation} ", text, flags=re.MULTILINE)
    # The first line describes the old entry's arguments and results.
    head, rest = text.split("\n", 1)
    return f"{head.split(',')[0]}\n{rest}"


def _counted(text: str) -> tuple[float, float]:
    # JAX has no public function that counts a module from its text.
    import jax
    from jaxlib import _jax

    try:
        from jaxlib._hlo import hlo_module_from_text
    except ImportError:  # before 0.10
        from jaxlib._jax import hlo_module_from_text

    client = jax.devices("cpu")[0].client
    counted = _jax.hlo_module_cost_analysis(client, hlo_module_from_text(text))
    return counted["flops"], counted["bytes accessed"]
