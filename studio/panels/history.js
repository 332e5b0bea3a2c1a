// The history: every picture the server keeps, newest first; only what is in view is in the page.
import { api } from '../api.js';
import { debounce, eachFrame, fill, h, iconButton } from '../dom.js';
import { withoutHeat } from '../player.js';
import { T } from '../texts.js';

const PAGE = 200;

let asked = 0;

/** Takes a picture's recipe over, and shows the picture: of several clicks in a row the last one's. */
const restorer = (player, actions) => async (item) => {
  const mine = ++asked;
  try {
    const { recipe, notes } = await api.read(await api.picture(item.url));
    if (mine !== asked) return;
    actions.takeRecipe(withoutHeat(recipe), T.files.restored((notes ?? []).join(' ')));
    player.show({ name: item.picture, url: item.url, seed: item.seed, recipe });
  } catch (error) {
    actions.say(error.message);
  }
};

/** What can be dragged out of the page, to be saved. */
function carry(event, item) {
  const url = new URL(item.url, location.href).href;
  event.dataTransfer.setData('DownloadURL', `image/png:${item.picture.replace(/\.png$/, '')}.png:${url}`);
}

/** The last pictures, below the one that is drawn. */
export function makeRecent(events, player, actions) {
  const strip = h('ul.recent', { 'aria-label': T.history.recent, hidden: true });
  const restore = restorer(player, actions);
  let turn = 0; // as below
  async function load() {
    const mine = ++turn;
    const { items } = await api.history('', undefined, 12).catch(() => ({}));
    if (!items || mine !== turn) return;
    strip.hidden = !items.length;
    fill(strip, items.map((item) => h('li', h('button.tile-picture', {
      type: 'button', title: item.prompt, 'aria-label': T.history.restore(`${item.prompt || '…'}, ${T.draw.seed} ${item.seed}`), 'data-key': item.picture, onclick: () => restore(item),
    }, h('img', { src: item.thumb_url ?? item.url, alt: '', ondragstart: (e) => carry(e, item) })))));
  }
  for (const name of ['drawn', 'back', 'purged', 'kept']) events.on(name, load);
  load();
  return strip;
}

export function makeHistory(store, events, player, actions) {
  const restore = restorer(player, actions);
  const search = h('input', { type: 'search', 'data-own-undo': true, placeholder: T.history.search, 'aria-label': T.history.search, oninput: debounce(200, () => load(true)) });
  const found = h('p.note', { role: 'status' });
  const sheet = h('div.history-sheet', { role: 'list', 'aria-label': T.history.list });
  const view = h('div.history-view', { tabIndex: -1 }, sheet);
  const note = h('div.panel-empty', { hidden: true });
  let items = [];
  let next;
  let loading = false;
  let failed = false; // the next page is read again where it is asked for
  let turn = 0; // of the last question: answers of earlier ones come too late
  let visible = false;
  let asking = null; // the picture whose removal is being asked about
  const removed = new Set(); // jobs: an answer that was on its way still has them
  let columns = 3;
  let cell = 100;

  /** The next page, or `anew` the first one. Where the list is `kept` only what is new comes in above it, and nothing moves. */
  async function load(anew, kept) {
    if (loading && !anew) return;
    loading = true;
    failed = false;
    const mine = ++turn;
    const q = search.value.trim();
    try {
      const answer = await api.history(q, anew ? undefined : next, PAGE);
      if (mine !== turn) return;
      take(answer, anew, kept);
      if (anew && !kept) view.scrollTop = 0;
      message(items.length ? '' : q ? T.history.none(q) : T.history.empty);
    } catch (error) {
      if (mine !== turn) return;
      failed = true;
      message(T.history.failed, { again: () => load(anew, kept), beside: items.length && (!anew || kept) });
      if (error.away) events.tell('away', error);
    }
    loading = false;
    measure();
  }

  function take(answer, anew, kept) {
    const fresh = answer.items.filter(({ job }) => !removed.has(job));
    const joint = anew && kept ? items.findIndex(({ picture }) => picture === fresh.at(-1)?.picture) : -1;
    const older = joint >= 0 ? items.slice(joint + 1) : [];
    items = [...(anew ? [] : items), ...fresh, ...older];
    if (!older.length) next = answer.items.length ? answer.next ?? undefined : undefined;
    if (!items.some(({ picture }) => picture === asking)) asking = null;
  }

  /** Instead of the list, or beside it where it holds what is there. */
  function message(text, { again, beside } = {}) {
    note.hidden = !text;
    view.hidden = Boolean(text && !beside);
    fill(note, h('p', text), again ? h('button.quiet', { type: 'button', onclick: again }, T.history.again) : null);
  }

  function measure() {
    found.textContent = items.length ? T.history.count(items.length, next !== undefined) : '';
    const width = view.clientWidth;
    if (!width) return;
    columns = Math.max(2, Math.floor(width / 116));
    cell = Math.floor((width - 4) / columns);
    sheet.style.height = `${Math.ceil(items.length / columns) * cell}px`;
    render();
  }

  function render() {
    const first = Math.max(0, Math.floor(view.scrollTop / cell) - 2) * columns;
    const last = Math.min(items.length, (Math.ceil((view.scrollTop + view.clientHeight) / cell) + 2) * columns);
    const inside = sheet.contains(document.activeElement);
    fill(sheet, items.slice(first, last).map((item, i) => tile(item, first + i)));
    if (inside && !sheet.contains(document.activeElement)) view.focus({ preventScroll: true }); // what had it is out of view
    if (next !== undefined && !failed && last > items.length - columns * 6) load(false);
  }

  function tile(item, i) {
    const label = T.history.restore(`${item.prompt || '…'}, ${T.draw.seed} ${item.seed}`);
    const element = h('div.tile', { role: 'listitem', 'aria-setsize': next === undefined ? items.length : -1, 'aria-posinset': i + 1 },
      h('button.tile-picture', { type: 'button', title: item.prompt, 'aria-label': label, 'data-key': item.picture, onclick: () => restore(item), onkeydown: (e) => walk(e, i) },
        h('img', { src: item.thumb_url ?? item.url, alt: '', loading: 'lazy', decoding: 'async', ondragstart: (e) => carry(e, item) })),
      iconButton('trash', T.history.remove, () => ask(item.picture), { 'data-key': `trash ${item.picture}` }), asking === item.picture ? question(item) : null);
    element.style.transform = `translate(${(i % columns) * cell}px, ${Math.floor(i / columns) * cell}px)`;
    element.style.width = element.style.height = `${cell - 4}px`;
    return element;
  }

  function walk(event, i) {
    const to = { ArrowRight: i + 1, ArrowLeft: i - 1, ArrowDown: i + columns, ArrowUp: i - columns }[event.key];
    if (to === undefined || !items[to]) return;
    event.preventDefault();
    const top = Math.floor(to / columns) * cell;
    if (top < view.scrollTop) view.scrollTop = top;
    if (top + cell > view.scrollTop + view.clientHeight) view.scrollTop = top + cell - view.clientHeight;
    render();
    sheet.querySelector(`[data-key="${CSS.escape(items[to].picture)}"]`)?.focus();
  }

  /** Asks about a picture, or about none any more; the focus goes along. */
  function ask(picture) {
    const key = picture ? 'ask no' : `trash ${asking}`;
    asking = picture;
    render();
    sheet.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
  }

  /** Asked in place, until it is answered: what is removed is gone on the server, too, with all that its run drew. */
  function question(item) {
    const text = T.history.removeAsk(items.filter((other) => other.job === item.job).length);
    const escape = (event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      ask(null);
    };
    const button = (key, label, onclick) => h('button.quiet', { type: 'button', 'data-key': key, onclick }, label);
    return h('div.ask', { role: 'alertdialog', 'aria-label': text, onkeydown: escape }, h('p', text),
      button('ask yes', T.history.yes, () => remove(item)), button('ask no', T.history.no, () => ask(null)));
  }

  async function remove({ job }) {
    if (removed.has(job)) return;
    removed.add(job);
    try {
      await api.purge(job);
    } catch (error) {
      removed.delete(job);
      return actions.say(error.message);
    }
    const here = sheet.contains(document.activeElement);
    asking = null;
    items = items.filter((other) => other.job !== job);
    if (!items.length) message(search.value.trim() ? T.history.none(search.value.trim()) : T.history.empty);
    actions.say(T.history.removed);
    events.tell('purged');
    measure();
    if (here) (sheet.querySelector('.tile-picture') ?? search).focus();
    return undefined;
  }

  view.addEventListener('scroll', eachFrame(render), { passive: true });
  new ResizeObserver(eachFrame(measure)).observe(view);
  for (const name of ['drawn', 'back']) events.on(name, () => visible && load(true, true));
  const element = h('div.panel.history', h('div.panel-tools', search, found), view, note);
  return { element, shown(on) { visible = on; asking = null; if (on) load(true); } };
}
