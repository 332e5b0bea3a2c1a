// Drawing regions on the picture: whose region it is, the tools, the brush's own mask.
import { fill, h, iconButton } from './dom.js';
import { numberField, slider } from './fields.js';
import { boxOf, greyOf, inFractions, joined, shapeBetween, show, withBox } from './region.js';
import { kindOf } from './score/kinds.js';
import { hue } from './score/palette.js';
import { tracksOf, withFields } from './score/tracks.js';
import { T, titleOf } from './texts.js';

const SIDE = 256; // of a brush's mask: a recipe holds it, so it is small

/** What a region can be drawn for, given the chosen track: {label, get(), put(region, group)}. */
function targets(store, model) {
  const list = [];
  const { track } = model;
  if (track && !kindOf(track.control).lane) {
    const c = track.controls[0] ?? track.control;
    const put = (fields, group) => store.edit(withFields(store.doc, tracksOf(store.doc)[model.selected], fields), group);
    if (track.kind === 'regions') (c.prompts ?? []).forEach((part, k) => list.push({
      label: T.region.part(k, part.prompt), value: part.region,
      put: (region, group) => put({ prompts: c.prompts.map((p, n) => (n === k ? { ...p, region: region ?? { shape: 'rectangle', box: [0, 0, 1, 1] } } : p)) }, group),
    }));
    if (track.kind === 'attend') list.push({ label: T.region.target, value: c.target, put: (target, group) => put({ target }, group) });
    if (track.kind !== 'regions' && track.kind !== 'capture') list.push({ label: T.region.track(titleOf(track)), value: c.region, put: (region, group) => put({ region }, group) });
  }
  const { init } = store.recipe;
  if (init) list.push({ label: T.region.mask, mask: true, value: init.mask, put: (mask, group) => store.editRecipe({ init: mask ? { ...init, mask } : without(init) }, group) });
  return list;
}

const without = ({ mask, only_masked, soft, ...init }) => init;

export function makeMasks(store, model, events, sizeOf) {
  const canvas = h('canvas.region-canvas', { tabIndex: -1, 'aria-hidden': 'true' });
  const bar = h('div.region-bar', { role: 'toolbar', 'aria-label': T.region.label });
  const context = canvas.getContext('2d');
  const state = { tool: 'view', target: 0, add: false, size: 0.12, drawing: null };
  const target = () => {
    const list = targets(store, model);
    const aim = list[Math.min(state.target, list.length - 1)];
    const { width, height } = sizeOf();
    return aim && { ...aim, value: inFractions(aim.value, width, height) };
  };
  const colour = () => hue(target()?.mask ? 4 : model.hues[model.selected] ?? 0, true);

  function redraw() {
    const { width, height } = sizeOf();
    canvas.width = 512;
    canvas.height = Math.round((512 * height) / width);
    const aim = target();
    canvas.classList.toggle('drawing', state.tool !== 'view' && Boolean(aim));
    if (aim?.value) show(context, aim.value, width, height, colour(), redraw);
    if (state.drawing) show(context, state.drawing, width, height, colour(), redraw);
    if (state.brush) context.drawImage(tinted(state.brush, colour()), 0, 0, canvas.width, canvas.height);
  }

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  };
  canvas.addEventListener('pointerdown', (event) => {
    if (state.tool === 'view' || !target()) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    store.close();
    state.from = state.last = place(event);
    if (['brush', 'rubber'].includes(state.tool)) state.starting = startBrush().then(() => { if (state.from) dab(state.from); else state.brush = null; });
  });
  canvas.addEventListener('pointermove', (event) => {
    if (!state.from) return;
    const point = place(event);
    if (state.brush) dab(point);
    else if (!['brush', 'rubber'].includes(state.tool)) state.drawing = shapeBetween(state.tool, state.from, point);
    redraw();
  });
  canvas.addEventListener('pointerup', (event) => finish(event));
  canvas.addEventListener('pointercancel', () => {
    Object.assign(state, { from: null, drawing: null, brush: null });
    redraw();
  });

  function finish(event) {
    if (!state.from) return undefined;
    if (['brush', 'rubber'].includes(state.tool) && !state.brush) return state.starting.then(() => finish(event)); // the mask that is there is still being read
    const aim = target();
    if (state.brush) aim.put(joined(aim.value, { shape: 'picture', data: state.brush.toDataURL('image/png').split(',')[1] }, false));
    else if (state.drawing) aim.put(joined(aim.value, state.drawing, state.add || event.shiftKey));
    Object.assign(state, { from: null, drawing: null, brush: null });
    store.close();
    return refresh();
  }

  /** The brush goes on over the mask that is there. */
  async function startBrush() {
    const brush = Object.assign(document.createElement('canvas'), { width: SIDE, height: SIDE });
    const ink = brush.getContext('2d');
    ink.fillRect(0, 0, SIDE, SIDE);
    const old = target().value;
    const { width, height } = sizeOf();
    if (old) ink.putImageData(await greyOf({ ...old, feather: 0, invert: false }, width, height, SIDE), 0, 0); // its edges stay the region's
    state.brush = brush;
  }

  function dab(point) {
    const ink = state.brush.getContext('2d');
    ink.strokeStyle = state.tool === 'brush' ? '#ffffff' : '#000000';
    ink.lineWidth = state.size * SIDE;
    ink.lineCap = 'round';
    ink.beginPath();
    ink.moveTo(state.last.x * SIDE, state.last.y * SIDE);
    ink.lineTo(point.x * SIDE + 0.01, point.y * SIDE);
    ink.stroke();
    state.last = point;
    redraw();
  }

  function refresh() {
    const list = targets(store, model);
    const aim = target();
    if (!list.length) state.tool = 'view';
    const glyphs = { view: 'eye', rectangle: 'rect', ellipse: 'ellipse', brush: 'brush', rubber: 'erase' };
    const tools = Object.entries(T.region.tool).map(([tool, label]) => iconButton(glyphs[tool], label, () => { state.tool = tool; refresh(); }, { 'aria-pressed': state.tool === tool, disabled: !list.length && tool !== 'view' }));
    fill(bar, h('div.group', tools), list.length ? whose(list) : h('span.note', T.region.none), aim && state.tool !== 'view' ? edges(aim) : null);
    redraw();
  }

  function whose(list) {
    const select = h('select', { 'aria-label': T.region.of, 'data-key': 'region-of', onchange: () => { state.target = Number(select.value); refresh(); } }, list.map((t, value) => h('option', { value }, t.label)));
    select.value = Math.min(state.target, list.length - 1);
    return h('label.inline.region-of', h('span', T.region.of), select);
  }

  function edges(aim) {
    const { value } = aim;
    const box = boxOf(value);
    const toggle = (label, pressed, onclick, title) => h('button.quiet', { type: 'button', 'aria-pressed': pressed, onclick, title, 'data-key': `region-${label}` }, label);
    return h('div.region-edges',
      ['brush', 'rubber'].includes(state.tool) ? slider(T.region.size, state.size, [0.02, 0.5], (v) => { state.size = v; }, { format: (v) => `${Math.round(v * 100)} %` }) : toggle(T.region.add, state.add, () => { state.add = !state.add; refresh(); }, T.region.addHint),
      value ? slider(T.region.feather, value.feather ?? 0, [0, 0.5], (feather) => { aim.put({ ...value, feather: feather || undefined }, 'feather'); redraw(); }, { format: (v) => `${Math.round(v * 100)} %`, onDone: () => store.close() }) : null,
      value ? toggle(T.region.invert, Boolean(value.invert), () => { aim.put({ ...value, invert: value.invert ? undefined : true }); refresh(); }) : null,
      value ? h('button.quiet', { type: 'button', title: T.region.clearHint, onclick: () => { aim.put(undefined); refresh(); } }, T.region.clear) : starter(aim),
      box ? h('div.box-fields', T.region.box.map((label, i) => numberField(label, box[i], (v) => { aim.put(withBox(value, box.map((b, k) => (k === i ? v ?? 0 : b)))); refresh(); }, { key: `box-${i}`, attributes: { min: 0, max: 1, step: 0.05 } }))) : null);
  }

  /** For hands that do not draw: a shape in the middle, to be moved by its numbers. */
  const starter = (aim) => (state.tool === 'rectangle' || state.tool === 'ellipse'
    ? h('button.quiet', { type: 'button', 'data-key': 'region-start', onclick: () => { aim.put(shapeBetween(state.tool, { x: 0.25, y: 0.25 }, { x: 0.75, y: 0.75 })); refresh(); } }, `+ ${T.region.kinds[state.tool]}`) : null);

  let { origin } = store.doc;
  store.on((what) => {
    if (what.view?.includes('selected')) state.target = 0;
    if (origin !== store.doc.origin) Object.assign(state, { from: null, drawing: null, brush: null }); // it was drawn for another recipe
    origin = store.doc.origin;
  });
  store.on((what) => (what.doc || what.view?.includes('selected')) && queueMicrotask(() => (bar.contains(document.activeElement) && document.activeElement.type === 'range' ? redraw() : refresh())));
  events.on('theme', redraw);
  return { canvas, bar, state, refresh, redraw };
}

/** The mask's white in the colour, its black clear. */
function tinted(brush, colour) {
  const copy = new OffscreenCanvas(SIDE, SIDE);
  const context = copy.getContext('2d');
  context.drawImage(brush, 0, 0);
  const image = context.getImageData(0, 0, SIDE, SIDE);
  const rgb = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
  for (let i = 0; i < image.data.length; i += 4) image.data.set([...rgb, image.data[i] * 0.5], i);
  context.putImageData(image, 0, 0);
  return copy;
}
