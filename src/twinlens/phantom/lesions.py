"""The eight diagnoses as drawings: which structures each may show, and how often.

Every lesion shows only some of its structures, more or less clearly, on a coat of pigment whose
colour, size and place say little about the diagnosis. So the texture has to be learned.
"""

from collections.abc import Callable

import numpy as np

from twinlens.phantom import structures as draw
from twinlens.phantom.canvas import Canvas, Map, ramp
from twinlens.phantom.structures import Layers, Outline, Rng


def lesion_layers(rng: Rng, canvas: Canvas, label: str) -> Layers:
    """Draw a lesion of the diagnosis `label` as seen from `canvas`."""
    return LESIONS[label](rng, canvas)


def add_incidental(rng: Rng, canvas: Canvas, layers: Layers) -> None:
    """Add what any lesion may show, whatever it is: a dot, a cyst, a flake, a short vessel.

    Args:
        rng: A generator that does not know the diagnosis.
        canvas: Where to draw.
        layers: The lesion; changed in place.
    """
    field = Outline.draw(rng, 0.0)
    few = rng.integers(1, 5, 4)
    dots = draw.globules(rng, canvas, field.scatter(rng, few[0]), 0.04, spread=0.3)
    layers.melanin += 1.2 * _clarity(rng, 0.2) * dots
    cysts = draw.globules(rng, canvas, field.scatter(rng, few[1]), 0.032, spread=0.3)
    layers.white += 0.9 * _clarity(rng, 0.2) * cysts
    layers.white += 0.65 * _clarity(rng, 0.15) * draw.scale(rng, canvas, field.scatter(rng, few[2]))
    vessels = draw.coiled_vessels(rng, canvas, field.scatter(rng, few[3]), 0.055)
    layers.blood += 1.4 * _clarity(rng, 0.15) * vessels


def _coat(
    rng: Rng, canvas: Canvas, *, irregularity: float, soft: float, variegation: float
) -> tuple[Layers, Outline, Map]:
    """Draw border and ground colour: any mixture of brown and pink, darker or paler inwards.

    Returns:
        The layers so far, the border, and the mask of what is inside.
    """
    layers = Layers((canvas.pixels, canvas.pixels))
    outline = Outline.draw(rng, irregularity)
    depth = outline.depth(canvas)
    fringe = np.float32(rng.uniform(0.02, 0.07)) * canvas.waves(rng, 0.25)
    inside = ramp(depth + fringe, -soft, soft)
    inwards = np.float32(rng.normal(0, 0.6)) * (depth - 0.4)
    tone = inside * np.exp(inwards + np.float32(variegation) * canvas.waves(rng, 0.7))
    brown = rng.beta(0.8, 0.8)
    layers.melanin += np.float32(rng.uniform(0.1, 0.8) * brown) * tone
    layers.blood += np.float32(rng.uniform(0.1, 0.8) * (1 - brown)) * tone
    return layers, outline, inside


def _clarity(rng: Rng, probability: float = 1.0) -> np.float32:
    """Draw how clearly a structure shows: 0 if it is absent, else from .35 to 1."""
    return np.float32(rng.uniform(0.35, 1) * (rng.random() < probability))


def _nevus(rng: Rng, canvas: Canvas) -> Layers:
    """Regular network, or regular globules, within a regular border."""
    layers, outline, inside = _coat(rng, canvas, irregularity=0.04, soft=0.12, variegation=0.12)
    fade = inside * ramp(outline.depth(canvas), -0.05, 0.3)
    if rng.random() < 0.6:
        net = draw.network(rng, canvas, period=rng.uniform(0.13, 0.19), disorder=0.16, line=-0.2)
        layers.melanin += 0.9 * _clarity(rng) * net * fade
    else:
        spacing = rng.uniform(0.14, 0.19)
        points = outline.lattice(rng, spacing, jitter=0.1)
        dots = draw.globules(rng, canvas, points, 0.34 * spacing, spread=0.08)
        layers.melanin += _clarity(rng) * dots * inside
    return layers


def _melanoma(rng: Rng, canvas: Canvas) -> Layers:
    """Atypical network, irregular globules, streaks, blue-white veil, white regression."""
    layers, outline, inside = _coat(rng, canvas, irregularity=0.12, soft=0.07, variegation=0.35)
    part = ramp(canvas.waves(rng, 1.0), -0.6, 0.3) * inside
    net = draw.network(rng, canvas, period=rng.uniform(0.14, 0.21), disorder=0.42, line=0.1)
    layers.melanin += 1.1 * _clarity(rng, 0.8) * net * part
    centre = outline.scatter(rng, 1, 0.2, 0.6)[0]
    points = centre + rng.normal(0, 0.24, (int(rng.integers(10, 26)), 2))
    dots = draw.globules(rng, canvas, points, 0.035, spread=0.45)
    layers.melanin += 1.5 * _clarity(rng, 0.7) * dots * inside
    sector, count = rng.uniform(1.2, 3.0), int(rng.integers(8, 16))
    layers.melanin += (
        1.2 * _clarity(rng, 0.5) * draw.streaks(rng, canvas, outline, sector=sector, count=count)
    )
    veil = draw.patch(rng, canvas, outline.scatter(rng, 1, 0, 0.5)[0], 0.3, soft=0.35) * inside
    layers.blue += 0.85 * _clarity(rng, 0.6) * veil
    scar = draw.patch(rng, canvas, outline.scatter(rng, 1, 0.3, 0.7)[0], 0.18, soft=0.4) * inside
    layers.white += 0.5 * _clarity(rng, 0.4) * scar
    return layers


def _basal_cell(rng: Rng, canvas: Canvas) -> Layers:
    """Arborising vessels, blue-grey ovoid nests, leaf-like areas, a small ulcer."""
    layers, outline, inside = _coat(rng, canvas, irregularity=0.07, soft=0.15, variegation=0.2)
    lines, widths = [], []
    for angle in rng.uniform(0, 2 * np.pi, int(rng.integers(2, 5))):
        start = outline.at(np.array(rng.uniform(0.7, 1.0)), np.array(angle))
        heading = angle + np.pi + rng.normal(0, 0.5)
        more = draw.vessel_tree(rng, start, heading, rng.uniform(0.03, 0.05))
        lines += more[0]
        widths += more[1]
    layers.blood += 1.6 * _clarity(rng, 0.85) * canvas.strokes(lines, widths)
    points = outline.scatter(rng, int(rng.integers(3, 9)), 0.1, 0.8)
    nests = draw.globules(rng, canvas, points, 0.075, spread=0.35, stretch=1.5)
    layers.blue += 0.85 * _clarity(rng, 0.65) * nests
    leaf = outline.scatter(rng, int(rng.integers(2, 6)), 0.8, 0.95)
    leaves = draw.globules(rng, canvas, leaf, 0.08, spread=0.2, wobble=0.5)
    layers.melanin += 0.9 * _clarity(rng, 0.35) * leaves
    ulcer = draw.patch(rng, canvas, outline.scatter(rng, 1)[0], 0.12, soft=0.2) * inside
    layers.blood += _clarity(rng, 0.3) * ulcer
    return layers


def _keratosis(rng: Rng, canvas: Canvas) -> Layers:
    """Milia-like cysts, comedo-like openings, fissures and ridges within a sharp border."""
    layers, outline, inside = _coat(rng, canvas, irregularity=0.07, soft=0.04, variegation=0.15)
    layers.keratin += np.float32(rng.uniform(0, 0.25)) * inside
    furrows = draw.fissures(rng, canvas, rng.uniform(0.35, 0.5)) * inside
    layers.melanin += 0.9 * _clarity(rng, 0.6) * furrows
    points = outline.scatter(rng, int(rng.integers(6, 16)))
    plugs = draw.globules(rng, canvas, points, 0.045, spread=0.3)
    clear = _clarity(rng, 0.7)
    layers.melanin += 1.5 * clear * plugs
    layers.keratin += 0.2 * clear * plugs
    points = outline.scatter(rng, int(rng.integers(6, 20)))
    cysts = draw.globules(rng, canvas, points, 0.032, spread=0.3)
    layers.white += 0.9 * _clarity(rng, 0.85) * cysts
    return layers


def _dermatofibroma(rng: Rng, canvas: Canvas) -> Layers:
    """A central white patch within a delicate, fading network."""
    layers, outline, _ = _coat(rng, canvas, irregularity=0.04, soft=0.25, variegation=0.12)
    depth = outline.depth(canvas)
    rim = ramp(depth, -0.1, 0.15) * ramp(depth, 0.75, 0.4)
    net = draw.network(rng, canvas, period=rng.uniform(0.12, 0.16), disorder=0.16, line=-0.4)
    layers.melanin += 0.75 * _clarity(rng, 0.85) * net * rim
    centre = outline.scatter(rng, 1, 0, 0.25)[0]
    scar = draw.patch(rng, canvas, centre, outline.radius * rng.uniform(0.35, 0.55), soft=0.3)
    layers.white += 0.75 * _clarity(rng, 0.95) * scar
    return layers


def _actinic_keratosis(rng: Rng, canvas: Canvas) -> Layers:
    """Strawberry pattern: red between pale follicles with keratin plugs; scale on top."""
    layers, outline, inside = _coat(rng, canvas, irregularity=0.08, soft=0.3, variegation=0.2)
    spacing = rng.uniform(0.2, 0.27)
    points = outline.lattice(rng, spacing, jitter=0.12, high=1.0)
    halo = draw.globules(rng, canvas, points, 0.36 * spacing, spread=0.1)
    plug = draw.globules(rng, canvas, points, 0.16 * spacing, spread=0.2)
    clear = _clarity(rng, 0.95)
    layers.blood += 0.7 * clear * inside * (1 - halo)
    layers.white += 0.3 * clear * halo * (1 - plug)
    layers.keratin += 0.8 * clear * plug
    flakes = draw.scale(rng, canvas, outline.scatter(rng, int(rng.integers(4, 12)), 0, 0.9))
    layers.white += 0.65 * _clarity(rng, 0.6) * flakes
    return layers


def _squamous_cell(rng: Rng, canvas: Canvas) -> Layers:
    """A central mass of keratin, white circles, coiled vessels around it, spots of blood."""
    layers, outline, _ = _coat(rng, canvas, irregularity=0.08, soft=0.15, variegation=0.25)
    points = outline.scatter(rng, int(rng.integers(10, 22)), 0.5, 1.0)
    coils = draw.coiled_vessels(rng, canvas, points, rng.uniform(0.045, 0.065))
    layers.blood += 1.5 * _clarity(rng, 0.8) * coils
    points = outline.scatter(rng, int(rng.integers(4, 12)), 0.3, 0.9)
    circles = draw.rings(canvas, points, rng.uniform(0.05, 0.075), 0.03)
    layers.white += 0.8 * _clarity(rng, 0.7) * circles
    centre = outline.scatter(rng, 1, 0, 0.35)[0]
    mass = draw.patch(rng, canvas, centre, outline.radius * rng.uniform(0.3, 0.5), soft=0.12)
    crumbs = 1 + 0.3 * canvas.waves(rng, 0.15)
    layers.keratin += 0.8 * _clarity(rng, 0.75) * mass * crumbs
    spots = draw.globules(rng, canvas, outline.scatter(rng, 5, 0, 0.5), 0.035, spread=0.4)
    layers.blood += 2.0 * _clarity(rng, 0.5) * spots
    flakes = draw.scale(rng, canvas, outline.scatter(rng, int(rng.integers(3, 8)), 0, 0.9))
    layers.white += 0.65 * _clarity(rng, 0.4) * flakes
    return layers


def _vascular(rng: Rng, canvas: Canvas) -> Layers:
    """Red, purple or blue-black lacunae between whitish septa, within a sharp border."""
    layers, outline, inside = _coat(rng, canvas, irregularity=0.06, soft=0.06, variegation=0.15)
    spacing = rng.uniform(0.2, 0.3)
    points = outline.lattice(rng, spacing, jitter=0.16, high=0.9)
    lakes = draw.globules(rng, canvas, points, 0.46 * spacing, spread=0.18, wobble=0.13)
    layers.blood += np.float32(rng.uniform(0.6, 1.5)) * lakes
    layers.melanin += np.float32(rng.uniform(0.3, 1.0) * (rng.random() < 0.4)) * lakes
    layers.blue += 0.4 * _clarity(rng, 0.4) * lakes
    layers.white += 0.45 * _clarity(rng, 0.7) * inside * (1 - lakes)
    return layers


LESIONS: dict[str, Callable[[Rng, Canvas], Layers]] = {
    "AK": _actinic_keratosis,
    "BCC": _basal_cell,
    "BKL": _keratosis,
    "DF": _dermatofibroma,
    "MEL": _melanoma,
    "NV": _nevus,
    "SCC": _squamous_cell,
    "VASC": _vascular,
}
