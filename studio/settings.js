// Steps, guidance, size, sampler; seed and the button that draws.
import { fill, h, icon, iconButton } from './dom.js';
import { choiceField, numberField } from './fields.js';
import { whole } from './json.js';
import { MOST_STEPS } from './shape.js';
import { T } from './texts.js';

export function makeSettings(store, reading, events, say) {
  const element = h('div.settings', { role: 'group', 'aria-label': T.settings.more });
  let own = false; // the fields show what they have written themselves

  /** As many as a run can have; it is said where more, or fewer, were typed. */
  const steps = (put) => (wanted) => {
    const taken = wanted === undefined ? undefined : Math.max(1, Math.min(MOST_STEPS, Math.round(wanted)));
    if (taken !== wanted) say(T.recipe.form('steps'));
    put(taken);
    return taken;
  };

  /** What is being typed stays, but not where the document went back under it. */
  function refresh(undone) {
    if (!undone && element.contains(document.activeElement) && document.activeElement.matches('input')) return;
    const r = store.recipe;
    const models = reading.state.models ?? {};
    const [width, height] = models.models?.find((m) => m.name === (r.model ?? models.default ?? 'builtin'))?.size ?? ['', ''];
    const put = (name) => (value) => {
      own = true;
      store.editRecipe({ [name]: value });
      own = false;
    };
    const named = (list, value) => [...new Set(['model', ...(list ?? []), ...(value ? [value] : [])])].map((v) => ({ value: v, label: v === 'model' ? T.settings.own : v }));
    fill(element,
      numberField(T.settings.steps, r.steps, steps(put('steps')), { placeholder: r.few_steps ? '' : '20', attributes: { min: 1, max: MOST_STEPS, step: 1 } }),
      numberField(T.settings.guidance, r.guidance, put('guidance'), { placeholder: '5', attributes: { min: 0, max: 30, step: 0.5 } }),
      numberField(T.settings.width, r.width, put('width'), { placeholder: width, attributes: { min: 64, max: 4096, step: 8 } }),
      numberField(T.settings.height, r.height, put('height'), { placeholder: height, attributes: { min: 64, max: 4096, step: 8 } }),
      choiceField(T.settings.sampler, r.sampler ?? 'model', named(models.samplers, r.sampler), (v) => put('sampler')(v === 'model' ? undefined : v)),
      choiceField(T.settings.schedule, r.schedule ?? 'model', named(models.schedules, r.schedule), (v) => put('schedule')(v === 'model' ? undefined : v)));
  }
  store.on((what) => what.doc && !own && refresh(what.undone));
  events.on('models', () => refresh());
  element.addEventListener('focusout', () => setTimeout(() => !element.contains(document.activeElement) && refresh()));
  return { element, refresh };
}

/** The bar that draws: button, progress, seed, live. */
export function makeDrawBar(store, events, player, actions) {
  const element = h('div.draw-bar', { role: 'group', 'aria-label': T.draw.button });
  const button = h('button.primary.draw', { type: 'button', onclick: () => (player.busy ? player.cancel() : actions.draw()), 'aria-keyshortcuts': 'Control+Enter' });
  const bar = h('div.progress', { role: 'progressbar', 'aria-label': T.draw.button, 'aria-valuemin': 0 }, h('i'));
  const message = h('p.message'); // of every step: for eyes alone; what counts is announced
  const wrong = h('div.problem', { role: 'alert', hidden: true });
  const held = h('p.note.held', { role: 'status' });
  const seed = h('input', { type: 'text', inputmode: 'numeric', 'aria-label': T.draw.seed, onchange: () => setSeed(seed.value) });
  const tools = h('div.seed');
  const live = h('label.check', { title: T.draw.liveHint }, h('input', { type: 'checkbox', onchange: (e) => store.look({ live: e.target.checked }) }), T.draw.live);

  const seeds = () => (store.recipe.seeds ?? [store.recipe.seed ?? 0]).join(', ');

  function setSeed(text) {
    if (text === seeds()) return;
    const numbers = text.split(/[\s,]+/).map(whole).filter((n) => n !== undefined);
    if (!numbers.length) return refresh();
    store.editRecipe(numbers.length > 1 ? { seeds: numbers, seed: undefined } : { seed: numbers[0], seeds: undefined });
  }

  function refresh() {
    const busy = player.busy;
    fill(button, icon(busy ? 'stop' : 'play'), busy ? T.draw.stop : player.picture ? T.draw.again : T.draw.button);
    button.classList.toggle('stopping', busy);
    const { step = 0, steps = 0 } = player.job ?? {};
    const part = busy && steps ? step / steps : 0;
    bar.style.setProperty('--part', part);
    bar.setAttribute('aria-valuenow', busy ? step : 0);
    bar.setAttribute('aria-valuemax', steps || 1);
    if (message.textContent !== player.message) message.textContent = player.message;
    wrong.hidden = !player.problem;
    wrong.textContent = player.problem && !player.problem.away ? player.problem.message : '';
    if (!wrong.textContent) wrong.hidden = true;
    if (document.activeElement !== seed) seed.value = seeds();
    seed.title = seeds(); // longer ones do not fit
    live.firstChild.checked = store.view.live;
    const waits = store.view.live && player.held ? T.draw.held : '';
    if (held.textContent !== waits) held.textContent = waits;
  }

  function refreshTools() {
    const locked = store.view.seedLocked;
    fill(tools, h('span', T.draw.seed), seed,
      iconButton('dice', T.draw.newSeed, () => store.editRecipe({ seed: Math.floor(Math.random() * 4294967295), seeds: undefined })),
      iconButton(locked ? 'lock' : 'unlock', locked ? T.draw.locked : T.draw.unlocked, () => store.look({ seedLocked: !locked }), { 'aria-pressed': locked, 'data-key': 'lock' }));
  }
  events.on('player', refresh);
  store.on((what) => {
    if (what.doc) refresh();
    if (what.view?.includes('seedLocked')) refreshTools();
  });
  refreshTools();
  element.append(button, h('div.draw-state', message, bar), tools, live);
  return { element, held, wrong, refresh };
}
