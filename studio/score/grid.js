// The score's paper: attention layers down, the run's steps across; and how `where` and `when` of a recipe name parts of it.

/**
 * From GET /v1/blocks and the `calls` of /v1/explain. A layer is an attention of the model: cross and self beside each other.
 * Blocks without attention have no row, and no `where` may name them.
 */
export function makeGrid(blocks, calls) {
  const layers = [];
  const kept = blocks.filter((block) => block.layers.length).map((block) => {
    const first = layers.length;
    const sites = new Map();
    for (const layer of block.layers) {
      const known = sites.get(layer.site) ?? { site: layer.site, paths: [], kinds: [], heads: layer.heads };
      if (layer.path) known.paths.push(layer.path);
      known.kinds.push(layer.kind);
      sites.set(layer.site, known);
    }
    const width = [block.resolution].flat().at(-1); // [height, width] in tokens
    for (const layer of sites.values()) layers.push({ ...layer, block, grid: width });
    return { ...block, width, first, count: layers.length - first };
  });
  return { blocks: kept, layers, steps: stepsOf(calls) };
}

/** One column a step, whatever number of calls a sampler makes in it. */
export function stepsOf(calls) {
  return calls.filter((c) => c.first !== false).map(({ step, sigma, progress, t }) => ({ step, sigma, progress, t }));
}

const groupsOf = (block) => [block.group, block.name.split(':')[0], block.name, ...(block.path ? [block.path] : [])];

/** coarse: the smallest grid, fine: the largest, mid: those between. */
function fineness(grid, layer) {
  const sizes = grid.layers.map((l) => l.grid);
  if (layer.grid === Math.min(...sizes)) return 'coarse';
  return layer.grid === Math.max(...sizes) ? 'fine' : 'mid';
}

function named(grid, name, layer) {
  if (groupsOf(layer.block).includes(name) || layer.site === name) return true;
  if (['coarse', 'mid', 'fine'].includes(name)) return fineness(grid, layer) === name;
  if (layer.site.startsWith(`${name}#`)) return true;
  return layer.paths.some((path) => path === name || path.startsWith(`${name}.`));
}

/** The layers that `where` names, 1 each; null if a name is not one that the page can tell (the server's answer then says it). */
export function layersOf(grid, where) {
  const mask = new Uint8Array(grid.layers.length);
  const names = (where ?? 'all').split(',').map((n) => n.trim()).filter(Boolean);
  for (const name of names.length ? names : ['all']) {
    let found = false;
    grid.layers.forEach((layer, i) => {
      if (name !== 'all' && !named(grid, name, layer)) return;
      mask[i] = 1;
      found = true;
    });
    if (!found) return null;
  }
  return mask;
}

const attentionOf = (site) => site.split('#')[0];

/** Names for a block's chosen layers: the block, whole attentions, single layers. */
function namesInBlock(grid, block, mask) {
  const inside = grid.layers.slice(block.first, block.first + block.count);
  const chosen = inside.filter((_, i) => mask[block.first + i]);
  if (chosen.length === inside.length) return [block.name];
  const names = [];
  for (const attention of new Set(chosen.map((l) => attentionOf(l.site)))) {
    const all = inside.filter((l) => attentionOf(l.site) === attention);
    const some = chosen.filter((l) => attentionOf(l.site) === attention);
    names.push(...(all.length === some.length ? [attention] : some.map((l) => l.site)));
  }
  return names;
}

const SIDES = ['input', 'middle', 'output'];

/** The shortest `where` for these layers, those of some sides; undefined for all of them. */
export function spellWhere(grid, mask, sides = SIDES) {
  if (grid.layers.every((layer, i) => mask[i] || !sides.includes(layer.block.name.split(':')[0]))) return undefined;
  const names = [];
  for (const side of sides) {
    const blocks = grid.blocks.filter((b) => b.name.split(':')[0] === side);
    const whole = blocks.every((b) => mask.subarray(b.first, b.first + b.count).every(Boolean));
    if (whole && blocks.length > 1) names.push(side);
    else for (const block of blocks) names.push(...namesInBlock(grid, block, mask));
  }
  return names.join(', ');
}

const inside = (test) => (grid) => Uint8Array.from(grid.steps, (s) => (test(s) ? 1 : 0));
const number = (x) => (x === 'inf' ? Infinity : x);

/** The steps in which `when` acts, 1 each; null if the page does not know the window. */
export function stepsIn(grid, when) {
  if (when === undefined || when === 'always') return new Uint8Array(grid.steps.length).fill(1);
  const [unit, ends] = Object.entries(when)[0] ?? [];
  if (!Array.isArray(ends)) return null;
  const [a, b] = ends.map(number);
  const tests = {
    steps: (s) => s.step >= a && s.step < b,
    progress: (s) => s.progress >= a - 1e-9 && s.progress <= b + 1e-9,
    sigma: (s) => s.sigma <= a && s.sigma >= b,
    percent: (s) => s.t <= (1 - a) * 999 + 1e-6 && s.t >= (1 - b) * 999 - 1e-6,
  };
  return tests[unit] ? inside(tests[unit])(grid) : null;
}

/** As few digits as keep a and b (a > b) apart. */
function between(a, b) {
  const middle = b > 0 ? Math.sqrt(a * b) : a / 2;
  for (let digits = 2; digits < 12; ++digits) {
    const value = Number(middle.toPrecision(digits));
    if (value < a && value > b) return value;
  }
  return middle;
}

/** The window of steps first..end-1 in a unit; undefined for all of them. */
export function spellWhen(grid, first, end, unit = 'steps') {
  const { steps } = grid;
  if (first <= 0 && end >= steps.length) return undefined;
  if (unit === 'sigma') {
    const high = first > 0 ? between(steps[first - 1].sigma, steps[first].sigma) : 'inf';
    const low = end < steps.length ? between(steps[end - 1].sigma, steps[end].sigma) : 0;
    return { sigma: [high, low] };
  }
  if (unit === 'progress') {
    const share = (i) => Math.round(((i - 0.5) / (steps.length - 1)) * 1e4) / 1e4;
    return { progress: [first > 0 ? share(first) : 0, end < steps.length ? share(end) : 1] };
  }
  return { steps: [steps[first].step, steps[end - 1].step + 1] };
}

export const unitOf = (when) => (when && typeof when === 'object' ? Object.keys(when)[0] : undefined);
