// Keys of the whole page, and the list of them.
import { fill, h, iconButton } from './dom.js';
import { commit } from './fields.js';
import { T } from './texts.js';

const typing = (element) => element.matches('input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable]');

export function listenToKeys({ store, player, actions, score, tracks, prompt, panels, keys }) {
  addEventListener('keydown', (event) => {
    const { key, target } = event;
    const ctrl = event.ctrlKey || event.metaKey;
    const run = (action) => {
      event.preventDefault();
      action();
    };
    if (ctrl && key === 'Enter') return run(() => commit(document.activeElement) && actions.draw());
    if (ctrl && ['z', 'y'].includes(key.toLowerCase()) && target.closest?.('[data-own-undo]')) return undefined; // text that is not the recipe's
    if (ctrl && key.toLowerCase() === 'z') return run(() => (event.shiftKey ? store.redo() : store.undo()));
    if (ctrl && key.toLowerCase() === 'y') return run(() => store.redo());
    if (key === 'Escape') return event.isComposing || (target.type === 'search' && target.value) ? undefined : escape();
    if (ctrl || event.altKey || typing(target) || !store.view.letters) return undefined;
    const letters = {
      b: () => score.choose('brush'), r: () => score.choose('rect'), e: () => score.choose('erase'), c: () => score.choose('curve'),
      g: () => score.element.querySelector('[role=grid]').focus(), p: () => prompt.focus(), t: () => (tracks.element.querySelector('[aria-current]') ?? tracks.element.querySelector('button')).focus(), '?': () => keys.open(),
    };
    return letters[key] && run(letters[key]);
  });

  function escape() {
    if (keys.element.open) return;
    if (panels.over) panels.show(null);
    else if (player.busy) player.cancel();
  }
}

export function makeKeys(store) {
  const element = h('dialog.keys', { 'aria-label': T.keys.title });
  fill(element, h('div.card-head', h('h2', T.keys.title), iconButton('close', T.keys.close, () => element.close())),
    h('label.check', h('input', { type: 'checkbox', checked: store.view.letters, onchange: (e) => store.look({ letters: e.target.checked }) }), T.keys.letters),
    h('dl', T.keys.list.map(([keys, what]) => h('div', h('dt', keys.split(' ').map((k) => (k === '/' || k === '…' ? k : h('kbd', k)))), h('dd', what)))));
  element.addEventListener('click', (event) => event.target === element && element.close());
  return { element, open: () => element.showModal() };
}
