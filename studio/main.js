// The page: its parts put together, keys, files that are dropped, the server that comes and goes.
import { api } from './api.js';
import { fill, h, iconButton, set } from './dom.js';
import { makeFiles } from './files.js';
import { makeHistory, makeRecent } from './panels/history.js';
import { makeRecipe } from './panels/recipe.js';
import { makeSweep } from './panels/sweep.js';
import { makeTracks } from './panels/tracks.js';
import { makePlayer } from './player.js';
import { makePrompt } from './prompt.js';
import { makeEvents, makeReading } from './reading.js';
import { makeScore } from './score/view.js';
import { makeDrawBar, makeSettings } from './settings.js';
import { wrongIn } from './shape.js';
import { makeStage } from './stage.js';
import { makeStore } from './store.js';
import { T } from './texts.js';
import { listenToKeys, makeKeys } from './keys.js';

const store = makeStore();
const events = makeEvents();
const reading = makeReading(store, events);
const live = h('p.visually-hidden', { role: 'status' });
const toast = h('div.toast', { hidden: true, 'aria-hidden': 'true' });
let fading;

/** Has something read aloud, when what is being read has ended. */
function announce(text) {
  live.textContent = '';
  requestAnimationFrame(() => { live.textContent = text; });
}

/** Says something once: read aloud, and shown for a while. */
function say(text) {
  if (!text) return;
  announce(text);
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(fading);
  fading = setTimeout(() => { toast.hidden = true; }, 4500);
}

const player = makePlayer(store, events, say, announce);
const actions = {
  say,
  announce,
  draw: () => player.draw(),
  /** A whole recipe instead of the one that is there; undo brings that back. */
  takeRecipe(recipe, text) {
    const wrong = wrongIn(recipe);
    if (wrong !== null) return say(T.recipe.form(wrong));
    const { made_with: _, ...taken } = recipe;
    store.replace(taken);
    score.model.select(0);
    return say(text);
  },
  startFrom(file) {
    store.editRecipe({ init: { file, strength: 0.75 } });
    say(T.files.start);
  },
};
Object.assign(actions, makeFiles(store, actions, player));

const score = makeScore(store, reading, events, say);
const prompt = makePrompt(store, events, () => score.model.hues);
const tracks = makeTracks(store, reading, events, score, actions);
const stage = makeStage(store, reading, events, player, score, actions);
const settings = makeSettings(store, reading, events, say);
const drawBar = makeDrawBar(store, events, player, actions);
const panels = makePanels();
const keys = makeKeys(store);

function makePanels() {
  const element = h('aside.drawer', { 'aria-label': T.panels.label, hidden: true });
  const body = h('div.drawer-body', { role: 'tabpanel', id: 'drawer', tabIndex: -1 });
  const tabs = h('div.tabs', { role: 'tablist', 'aria-label': T.panels.label });
  const wide = matchMedia('(min-width: 1280px)');
  let open = null;
  const parts = {
    history: makeHistory(store, events, player, actions),
    recipe: makeRecipe(store, reading, events, actions),
    sweep: makeSweep(store, reading, events, actions, { open: () => show('sweep'), visible: () => open === 'sweep', show: (picture) => player.show(picture) }),
  };
  function show(name) {
    const was = open;
    const inside = element.contains(document.activeElement);
    if (open) parts[open].shown(false);
    open = name;
    element.hidden = !name;
    document.body.classList.toggle('with-drawer', Boolean(name));
    fill(tabs, Object.keys(parts).map((part) => h('button', {
      type: 'button', role: 'tab', 'aria-selected': part === name, 'aria-controls': 'drawer', id: `tab-${part}`, 'data-key': part, tabIndex: part === name ? 0 : -1, onclick: () => show(part), onkeydown: step,
    }, T.panels[part])), iconButton('close', T.panels.close, () => show(null)));
    overlay();
    if (name) {
      body.replaceChildren(parts[name].element);
      body.setAttribute('aria-labelledby', `tab-${name}`);
      parts[name].shown(true);
      if (!was && !wide.matches) document.getElementById(`tab-${name}`).focus(); // it lies over the page
    } else if (inside) document.querySelector(`[data-panel="${was}"]`)?.focus();
    store.look({ tab: name });
    for (const button of document.querySelectorAll('[data-panel]')) button.setAttribute('aria-pressed', String(button.dataset.panel === name));
  }
  /** Where it lies over the page nothing behind it has the focus; a click beside it closes it. */
  const over = () => Boolean(open) && !wide.matches;
  const overlay = () => {
    for (const part of document.querySelectorAll('.top, .easel, .desk')) part.inert = over();
  };
  wide.addEventListener('change', overlay);
  let pressed; // where the pointer went down: text that is selected may end beside the drawer
  document.addEventListener('pointerdown', (event) => { pressed = event.target; });
  document.addEventListener('click', (event) => over() && ['HTML', 'BODY', 'MAIN'].includes(event.target.tagName) && !element.contains(pressed) && show(null));
  function step(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const names = Object.keys(parts);
    show(names[(names.indexOf(open) + by + names.length) % names.length]);
    document.getElementById(`tab-${open}`).focus();
  }
  element.append(tabs, body);
  return { element, show, parts, toggle: (name) => show(open === name ? null : name), get open() { return open; }, get over() { return over(); } };
}

function header() {
  const undo = iconButton('undo', T.head.undo, () => store.undo());
  const redo = iconButton('redo', T.head.redo, () => store.redo());
  const model = h('select', { 'aria-label': T.head.model, onchange: () => store.editRecipe({ model: model.value === reading.state.models?.default ? undefined : model.value }) });
  const refresh = () => {
    undo.disabled = !store.canUndo;
    redo.disabled = !store.canRedo;
    const wanted = store.recipe.model ?? reading.state.models?.default ?? 'builtin';
    const list = reading.state.models?.models ?? [];
    const names = list.some((m) => m.name === wanted) ? list : [...list, { name: wanted }];
    fill(model, names.map((m) => h('option', { value: m.name, disabled: Boolean(m.error), title: m.error }, m.title ?? m.name)));
    model.value = wanted;
  };
  store.on((what) => what.doc && refresh());
  events.on('models', refresh);
  refresh();
  const opens = [['history', 'history'], ['recipe', 'code'], ['sweep', 'sweep']].map(([name, glyph]) =>
    iconButton(glyph, T.panels.open(T.panels[name]), () => panels.toggle(name), { 'data-panel': name, 'aria-pressed': false }));
  return h('header.top', h('a.skip', { href: '#score-help' , onclick: (e) => { e.preventDefault(); score.element.querySelector('[role=grid]').focus(); } }, T.skip),
    h('h1', h('span.mark', { 'aria-hidden': 'true' }), T.name), h('label.model', h('span.visually-hidden', T.head.model), model), connection, h('div.group', undo, redo), h('div.group', opens), themeButton(), iconButton('keys', T.head.keys, () => keys.open()));
}

const connection = h('span.connection', { 'data-state': 'on', title: T.connection.on });

function themeButton() {
  const order = ['auto', 'light', 'dark'];
  const apply = (theme) => {
    if (theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    const [next] = [iconButton({ auto: 'auto', light: 'sun', dark: 'moon' }[theme], T.head.theme[theme], turn)];
    button.replaceChildren(...next.childNodes);
    set(button, { 'aria-label': T.head.theme[theme], title: T.head.theme[theme] });
    events.tell('theme');
  };
  const turn = () => {
    const theme = order[(order.indexOf(store.view.theme ?? 'auto') + 1) % order.length];
    store.look({ theme });
    apply(theme);
  };
  const button = iconButton('auto', '', turn);
  apply(store.view.theme ?? 'auto');
  return button;
}

/** The server is away: said once, asked again until it answers; then everything is read anew. */
const banner = h('div.banner', { role: 'alert', hidden: true });
let away = false;
let waiting;
events.on('away', () => {
  if (away) return;
  away = true;
  set(connection, { 'data-state': 'away', title: T.connection.away });
  fill(banner, h('span', T.connection.away), h('button.quiet', { type: 'button', onclick: () => knock(0) }, T.connection.retry));
  banner.hidden = false;
  knock(700);
});
function knock(wait) {
  clearTimeout(waiting);
  waiting = setTimeout(async () => {
    try {
      await api.health();
      await player.reattach();
    } catch {
      return knock(Math.min(5000, wait * 1.5 || 700));
    }
    away = false;
    banner.hidden = true;
    set(connection, { 'data-state': 'on', title: T.connection.on });
    say(T.connection.back);
    for (const one of await Promise.allSettled([reading.models(), reading.ask()])) if (one.status === 'rejected') say(one.reason.message);
    return events.tell('back');
  }, wait);
}
addEventListener('online', () => away && knock(0));
events.on('refused', (error) => say(error.message));

function build() {
  document.title = T.name;
  const scoreCard = h('section.card.score-card', { 'aria-label': T.score.title },
    h('div.card-head', h('h2', T.score.title), score.readout, score.pointed), score.tools, score.element, h('p.visually-hidden', { id: 'score-help', tabIndex: -1 }, T.score.help));
  document.body.replaceChildren(header(), banner,
    h('main', h('div.easel', stage.element, h('div.card.draw-card', drawBar.element, drawBar.held, drawBar.wrong), makeRecent(events, player, actions)), h('div.desk', prompt.element, settings.element, scoreCard, tracks.element), panels.element), toast, live, keys.element);
  prompt.refresh();
  settings.refresh();
  drawBar.refresh();
  tracks.refresh();
  stage.show();
  stage.masks.refresh();
  score.showTools();
  if (store.view.tab && innerWidth >= 1280) panels.show(store.view.tab);
}

try {
  build();
} catch (error) { // at what this tab remembers, and so it would at each reload
  store.forget();
  build();
  say(T.errors.memory(error.message));
}
listenToKeys({ store, player, actions, score, tracks, prompt, panels, keys });
addEventListener('error', (event) => say(T.errors.unknown + event.message));
addEventListener('unhandledrejection', (event) => event.reason?.name !== 'AbortError' && say(T.errors.unknown + (event.reason?.message ?? event.reason)));
await Promise.allSettled([reading.models(), reading.ask(), player.reattach(), panels.parts.sweep.reattach()]).then((all) => {
  const lost = all.find((one) => one.status === 'rejected' && one.reason?.away);
  const refused = all.find((one) => one.status === 'rejected' && !one.reason?.away);
  if (lost) events.tell('away', lost.reason);
  else if (refused) say(refused.reason.message);
});
if (score.model.track) score.model.select(score.model.selected);

document.body.dataset.ready = '';
export const studio = { store, events, reading, player, score, prompt, panels, actions, stage };
