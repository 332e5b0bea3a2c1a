"""Models by their block tables alone, for what needs no weights."""
import corepulse


class Table(corepulse.Pipeline):
    """Has blocks, and nothing to draw with."""

    info = None

    def __init__(self, blocks, family="sd1"):
        sites = [
            {"block": b, "path": f"{p}.attentions.{i}.attn2", "cross": True} for b, p, n, g in blocks for i in range(n)
        ]
        listed = [
            {"id": b, "path": p, "cross_layers": n, "grid_height": g, "grid_width": g} for b, p, n, g in blocks
        ]
        self.info = {"family": family, "blocks": listed, "sites": sites}
        self.controls = []


def sd15():
    """Of 512 x 512."""
    return Table([("input:0", "down_blocks.0", 2, 64), ("input:1", "down_blocks.1", 2, 32), ("input:2", "down_blocks.2", 2, 16),
                  ("middle:0", "mid_block", 1, 8), ("output:1", "up_blocks.1", 3, 16), ("output:2", "up_blocks.2", 3, 32),
                  ("output:3", "up_blocks.3", 3, 64)])


def sdxl():
    """Of 1024 x 1024."""
    return Table([("input:1", "down_blocks.1", 4, 64), ("input:2", "down_blocks.2", 20, 32), ("middle:0", "mid_block", 10, 32),
                  ("output:0", "up_blocks.0", 30, 32), ("output:1", "up_blocks.1", 6, 64)], "sdxl")


def data(owner):
    """An injector's controls as a recipe has them."""
    return [control.data() for control in owner.controls]
