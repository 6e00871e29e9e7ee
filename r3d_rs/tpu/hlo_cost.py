"""Operations and traffic of a compiled program, with every round of its loops.

XLA's own count takes the body of each loop once. A row of equal blocks is a loop
(`models.repeat`).
"""

import re


def cost(text: str) -> tuple[float, float]:
    """Count a compiled program's operations and its traffic to and from memory.

    Args:
        text: text of the compiled module, from JAX's `Compiled.as_text()`.

    Returns:
        Operations, two per multiply-add, and bytes accessed, as XLA counts them.

    Raises:
        ValueError: if the program does not give the number of rounds of a JAX loop.
    """
    flops, moved = _counted(text)
    for body, rounds in loops(text).items():
        own, traffic = _counted(_entered(text, body))
        flops += (rounds - 1) * own
        moved += (rounds - 1) * traffic
    return flops, moved


def loops(text: str) -> dict[str, int]:
    """Return the number of rounds of JAX's loops, by the name of their bodies.

    Loops that the compiler adds itself are left out.

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
                f"loop {name}: found {sorted(rounds)} as the number of its rounds;"
                " expected one number"
            )
        found[body] = int(rounds.pop())
    return found


def _entered(text: str, computation: str) -> str:
    """Return a module with another of its computations as its entry."""
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
