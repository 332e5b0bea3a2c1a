// Draws the score on a canvas: paper, noise, voices, brackets, curve, playhead, cursor. Reads a scene, changes nothing.
import { at, isCurve, points } from './curve.js';
import { kindOf, shade } from './kinds.js';
import { stretches, voices } from './layout.js';

const MONO = 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace';
const SANS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif';

/** scene: {plan, grid, tracks, cells, windows, hues, selected, hover, cursor, focused, playhead, curve, theme, ink, labels, rect} */
export function draw(context, scene) {
  const { plan, theme } = scene;
  context.clearRect(0, 0, plan.width, plan.height);
  context.textBaseline = 'middle';
  paper(context, scene);
  header(context, scene);
  const sung = voices(plan, scene.tracks, scene.cells);
  const shared = { ...scene, fills: new Map() }; // a curve's shades are those of all rows
  plan.rows.forEach((row, i) => sung[i].forEach((track, k) => voice(context, shared, row, track, k, sung[i].length)));
  if (scene.selected >= 0 && scene.cells[scene.selected]) brackets(context, scene);
  if (scene.curve) curve(context, scene);
  if (scene.playhead) playhead(context, scene);
  if (scene.rect) frame(context, scene, scene.rect, theme.ink);
  if (scene.hover) crosshair(context, scene);
  if (scene.focused && scene.cursor) cursor(context, scene);
}

/** Rows that touch: [top, bottom] of each group. */
function sheets(rows) {
  const list = [];
  for (const { y, height } of rows) {
    const last = list.at(-1);
    if (last && last[1] === y) last[1] = y + height;
    else list.push([y, y + height]);
  }
  return list;
}

function paper(context, { plan, theme, grid }) {
  const groups = sheets(plan.rows);
  const down = (x, width) => { for (const [top, bottom] of groups) context.fillRect(x, top, width, bottom - top); };
  context.fillStyle = theme.paper;
  down(0, plan.width);
  context.fillStyle = theme.rule;
  for (const row of plan.rows) context.fillRect(0, row.y + row.height - 1, plan.width, 1);
  const every = plan.column >= 7 ? 1 : 5;
  for (let c = every; c < grid.steps.length; c += every) {
    context.fillStyle = c % 5 === 0 ? theme.ruleStrong : theme.rule;
    down(Math.round(c * plan.column), 1);
  }
}

let noise = { key: '' };

/** A strip that is as grainy as the steps are noisy, drawn once. */
function grain({ plan, grid, theme, ratio }) {
  const key = [plan.width, grid.steps.length, grid.steps[0]?.sigma, theme.ink, ratio].join();
  if (noise.key === key) return noise.canvas;
  const canvas = document.createElement('canvas');
  const dot = Math.max(1, Math.round(ratio * 1.25));
  canvas.width = Math.max(1, Math.round(plan.width * ratio));
  canvas.height = Math.round(12 * plan.scale * ratio);
  const context = canvas.getContext('2d');
  context.fillStyle = theme.grain;
  let seed = 7;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  for (let x = 0; x < canvas.width; x += dot) {
    const step = grid.steps[Math.min(grid.steps.length - 1, Math.floor(x / ratio / plan.column))];
    const density = 0.05 + 0.8 * Math.min(1, Math.log1p(step.sigma * 4) / Math.log1p(60));
    for (let y = 0; y < canvas.height; y += dot) if (random() < density) context.fillRect(x, y, dot, dot);
  }
  noise = { key, canvas };
  return canvas;
}

const sigmaText = (sigma) => (sigma >= 10 ? sigma.toFixed(0) : sigma >= 1 ? sigma.toFixed(1) : sigma.toFixed(2).replace(/^0/, ''));

function header(context, scene) {
  const { plan, grid, theme } = scene;
  const em = plan.scale;
  context.drawImage(grain(scene), 0, plan.header - 16 * em, plan.width, 12 * em);
  context.textAlign = 'center';
  const every = [1, 2, 5, 10, 25, 50, 100].find((n) => n * plan.column >= 25 * em) ?? 200;
  grid.steps.forEach((step, c) => {
    if (c % every) return;
    const x = (c + 0.5) * plan.column;
    context.fillStyle = c === scene.playhead?.column ? theme.accent : theme.ink;
    context.font = `600 ${11 * em}px ${MONO}`;
    context.fillText(step.step, x, 7 * em);
    context.fillStyle = theme.muted;
    context.font = `${10 * em}px ${MONO}`;
    context.fillText(sigmaText(step.sigma), x, 21 * em);
  });
}

/** One track's stretches in a row, in its own part of the row's height. */
function voice(context, scene, row, track, place, of) {
  const { plan, cells, hues, selected, tracks, grid } = scene;
  const inset = row.height > 16 ? 2 : 1;
  const room = (row.height - 2 * inset) / of;
  const chosen = track === selected;
  const enabled = tracks[track].control.enabled !== false;
  const list = stretches(row, cells[track]);
  const muted = !enabled ? 0.15 : chosen || selected < 0 ? 1 : 0.62;
  list.forEach(([first, end, value, share], i) => {
    const level = cells[track].levels[value - 1];
    const height = Math.max(3, room * share - (of > 1 ? 1 : 0));
    const box = { x: first * plan.column + 1, y: row.y + inset + room * place + (room - height), width: (end - first) * plan.column - 2, height };
    const strength = (amount) => muted * shade(tracks[track].kind, amount);
    const fills = () => grid.steps.map(({ progress }) => scene.ink(hues[track], strength(at(level, progress))).fill);
    if (isCurve(level)) bent(context, scene, track, once(scene.fills, `${track} ${value}`, fills), first, end, box);
    else block(context, box, scene.ink(hues[track], strength(level)), enabled);
    if (i === 0) name(context, scene, box, track, strength(isCurve(level) ? at(level, grid.steps[first].progress) : level));
  });
}

function block(context, { x, y, width, height }, colour, enabled) {
  context.fillStyle = colour.fill;
  context.beginPath();
  context.roundRect(x, y, Math.max(1, width), height, Math.min(4, height / 3));
  context.fill();
  context.strokeStyle = colour.line;
  context.lineWidth = 1;
  if (!enabled) context.setLineDash([3, 3]);
  context.stroke();
  context.setLineDash([]);
}

/** What the map has at a key, made where it has none. */
function once(map, key, make) {
  if (!map.has(key)) map.set(key, make());
  return map.get(key);
}

/** A stretch under a curve: every step its own shade. */
function bent(context, { plan, ink, hues }, track, fills, first, end, box) {
  const bare = Math.max(1, plan.column + 0.5);
  for (let c = first; c < end; ++c) {
    context.fillStyle = fills[c];
    context.fillRect(c * plan.column, box.y, bare, box.height);
  }
  context.strokeStyle = ink(hues[track], 1).line;
  context.lineWidth = 1;
  context.strokeRect(box.x, box.y + 0.5, box.width, box.height - 1);
}

function name(context, { ink, hues, labels, plan }, { x, y, width, height }, track, strength) {
  if (height < 12 || width < 34) return;
  const colour = ink(hues[track], strength);
  context.save();
  context.beginPath();
  context.rect(x, y, width - 4, height);
  context.clip();
  context.textAlign = 'left';
  context.fillStyle = colour.text;
  context.font = `600 ${Math.min(12 * plan.scale, height - 2)}px ${SANS}`;
  context.fillText(labels[track], x + 7, y + height / 2 + 0.5);
  context.restore();
}

/** Over the steps: the windows of the chosen track's controls. */
function brackets(context, { plan, windows, selected, hues, ink }) {
  context.strokeStyle = context.fillStyle = ink(hues[selected], 1).line;
  context.lineWidth = 2;
  windows.slice(0, 4).forEach(([first, end]) => {
    const left = first * plan.column + 1;
    const right = end * plan.column - 1;
    const y = plan.header - 17 * plan.scale;
    context.beginPath();
    context.moveTo(left, plan.header - 3);
    context.lineTo(left, y);
    context.lineTo(right, y);
    context.lineTo(right, plan.header - 3);
    context.stroke();
    for (const x of [left, right]) {
      context.beginPath();
      context.roundRect(x - 3, y - 1, 6, 12, 3);
      context.fill();
    }
  });
}

/** Where the curve's point i is drawn, and back. */
export function curveScale(plan, kind) {
  const [low, high] = kindOf({ kind }).range ?? [0, 1];
  const top = plan.header + 8;
  const bottom = plan.rows.at(-1).y + plan.rows.at(-1).height - 8;
  const span = plan.width - plan.column;
  return {
    x: (progress) => plan.column / 2 + progress * span,
    y: (value) => bottom - ((value - low) / (high - low)) * (bottom - top),
    progress: (x) => Math.max(0, Math.min(1, (x - plan.column / 2) / span)),
    value: (y) => Math.max(low, Math.min(high, low + ((bottom - y) / (bottom - top)) * (high - low))),
  };
}

function curve(context, { plan, tracks, selected, curve: { value, chosen }, hues, ink, theme }) {
  const scale = curveScale(plan, tracks[selected].kind);
  const list = points(value);
  const path = [[0, at(value, 0)], ...list, [1, at(value, 1)]];
  for (const [colour, width] of [[theme.paper, 5], [ink(hues[selected], 1).line, 2.5]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.lineJoin = 'round';
    context.beginPath();
    path.forEach(([p, v], i) => context[i ? 'lineTo' : 'moveTo'](scale.x(p), scale.y(v)));
    context.stroke();
  }
  list.forEach(([p, v], i) => {
    context.beginPath();
    context.arc(scale.x(p), scale.y(v), i === chosen ? 7 : 5.5, 0, 7);
    context.fillStyle = i === chosen ? ink(hues[selected], 1).line : theme.paper;
    context.fill();
    context.stroke();
  });
}

/** A later pass's line is broken, and says which pass it is: of it nothing on this paper is past. */
function playhead(context, { plan, playhead: { column, pass }, theme }) {
  const x = (column + 0.5) * plan.column;
  context.fillStyle = theme.past;
  if (!pass) context.fillRect(0, plan.header, x, plan.height - plan.header);
  context.fillStyle = theme.accent;
  for (let y = 14; y < plan.height - 2; y += pass ? 9 : plan.height) context.fillRect(x - 1, y, 2, pass ? 5 : plan.height - 16);
  context.beginPath();
  context.arc(x, 14, pass ? 8 : 4, 0, 7);
  context.fill();
  if (!pass) return;
  context.fillStyle = theme.paper;
  context.textAlign = 'center';
  context.font = `700 11px ${MONO}`;
  context.fillText(pass + 1, x, 14.5);
}

function frame(context, { plan }, { top, bottom, left, right }, colour) {
  const first = plan.rows[top];
  const last = plan.rows[bottom];
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.setLineDash([4, 3]);
  context.strokeRect(left * plan.column + 0.5, first.y + 0.5, (right + 1 - left) * plan.column - 1, last.y + last.height - first.y - 1);
  context.setLineDash([]);
}

function crosshair(context, { plan, hover, theme }) {
  const row = plan.rows[hover.row];
  context.fillStyle = theme.hover;
  context.fillRect(hover.column * plan.column, plan.header, plan.column, plan.height - plan.header - 6);
  context.fillRect(0, row.y, plan.width, row.height);
}

function cursor(context, { plan, cursor: cell, anchor, theme }) {
  const from = anchor ?? cell;
  const box = { top: Math.min(from.row, cell.row), bottom: Math.max(from.row, cell.row), left: Math.min(from.column, cell.column), right: Math.max(from.column, cell.column) };
  frame(context, { plan }, box, theme.focus);
  const row = plan.rows[cell.row];
  context.strokeStyle = theme.focus;
  context.lineWidth = 2.5;
  context.strokeRect(cell.column * plan.column + 1, row.y + 1, plan.column - 2, row.height - 2);
}
