// The picture: previews while it is drawn, the finished one, heat maps, the slider against the plain run, and what to do first.
import { fill, h, icon, iconButton } from './dom.js';
import { slider } from './fields.js';
import { makeMasks } from './masks.js';
import { drawPlain, withoutHeat } from './player.js';
import { addressOf } from './region.js';
import { T } from './texts.js';

const fileName = (name = 'picture') => (name.endsWith('.png') ? name : `${name}.png`);

/** Noise, as every picture begins with it. */
function makeNoise() {
  const canvas = h('canvas.noise', { width: 48, height: 48, 'aria-hidden': 'true' });
  const context = canvas.getContext('2d');
  const image = new ImageData(48, 48);
  for (let i = 0; i < image.data.length; i += 4) {
    const hue = [[200, 67, 31], [15, 118, 110], [116, 66, 184], [154, 103, 0], [31, 95, 191], [120, 112, 100]][Math.floor(Math.random() * 6)];
    image.data.set([...hue, Math.random() ** 3 * 130], i);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

export function makeStage(store, reading, events, player, score, actions) {
  const picture = h('img.picture', { alt: '', draggable: true });
  const before = h('img.before', { alt: '', draggable: false });
  const heat = h('img.heat', { alt: '', draggable: false, hidden: true });
  const caption = h('p.caption', { 'aria-live': 'polite' });
  const empty = h('div.empty');
  const wipe = h('input.wipe', { type: 'range', min: 0, max: 100, 'aria-label': T.stage.slider, hidden: true, oninput: () => frame.style.setProperty('--wipe', `${wipe.value}%`) });
  const masks = makeMasks(store, score.model, events, sizeOf);
  const noise = makeNoise();
  const frame = h('div.frame', noise, picture, before, heat, masks.canvas, wipe, h('span.tag.left', { hidden: true }, T.stage.plain), h('span.tag.right', { hidden: true }, T.stage.controlled), empty);
  const bar = h('div.stage-bar');
  const start = h('div.init-bar');
  let comparing = false;
  let compared; // the picture that the plain one stands beside
  let shown = 0;

  /** The picture's size: as it is, else as the recipe and the model say. */
  function sizeOf() {
    const { width, height } = store.recipe;
    const model = reading.state.models?.models?.find((m) => m.name === (store.recipe.model ?? reading.state.models.default));
    const [w, h_] = model?.size ?? [256, 256];
    return { width: width || w || 256, height: height || h_ || 256 };
  }

  function show() {
    const current = player.pictures[shown] ?? player.picture;
    const source = player.preview && player.busy ? player.preview.url : current?.url;
    const size = sizeOf();
    frame.style.setProperty('--aspect', size.width / size.height);
    frame.classList.toggle('busy', player.busy);
    picture.hidden = !source;
    noise.hidden = Boolean(source);
    if (source && picture.getAttribute('src') !== source) picture.src = source;
    picture.alt = player.busy && player.preview ? T.stage.preview(player.preview.step) : current ? T.stage.alt(current.recipe?.prompt ?? store.recipe.prompt, current.seed ?? store.recipe.seed) : '';
    showPlain();
    showEmpty(source);
    showBar(current);
    showInit();
  }

  function showPlain() {
    const on = comparing && player.plain?.of === player.picture && !player.busy;
    const plain = on && (player.plain.pictures[shown] ?? player.plain.pictures[0]);
    before.hidden = wipe.hidden = !on;
    for (const tag of frame.querySelectorAll('.tag')) tag.hidden = !on;
    if (on && before.getAttribute('src') !== plain.url) before.src = plain.url;
  }

  function showEmpty(source) {
    empty.hidden = Boolean(source);
    if (source) return;
    const file = store.recipe.init?.file;
    if (file && !player.busy) return fill(empty, h('img.start-picture', { src: addressOf(file), alt: '' }));
    if (player.busy) return fill(empty);
    if (!store.view.first) return fill(empty, h('p.hint', icon('image'), T.stage.empty));
    fill(empty, h('div.first', h('h2', T.stage.first), h('p', T.stage.firstText), h('button.primary', { type: 'button', onclick: actions.draw, 'data-key': 'first' }, icon('play'), T.stage.firstButton)));
  }

  function showBar(current) {
    const can = current && !player.busy;
    const drawn = withoutHeat(current?.recipe ?? store.recipe);
    const controlled = Boolean(drawn.controls || drawn.edits?.length);
    fill(bar,
      h('button.quiet', { type: 'button', 'data-key': 'compare', 'aria-pressed': comparing, disabled: !can || !controlled, title: T.stage.compareHint, onclick: compare }, icon('compare'), T.stage.compare),
      h('button.quiet', { type: 'button', 'data-key': 'heat', 'aria-pressed': store.view.heat, title: T.stage.heatHint, onclick: () => { store.look({ heat: !store.view.heat }); show(); } }, icon('heat'), T.stage.heat),
      player.pictures.length > 1 ? h('div.group.many', iconButton('up', T.stage.previous, () => turn(-1)), h('span', T.stage.many(shown + 1, player.pictures.length)), iconButton('down', T.stage.next, () => turn(1))) : null,
      can ? h('a.quiet', { href: current.url, download: fileName(current.name), 'data-key': 'save' }, T.stage.save) : null,
      can ? h('button.quiet', { type: 'button', 'data-key': 'use', onclick: () => (current.file ? actions.startFromFile(current.file) : actions.startFrom(`picture:${current.name}`)) }, T.init.use) : null);
  }

  function turn(by) {
    shown = (shown + by + player.pictures.length) % player.pictures.length;
    show();
  }

  async function compare() {
    comparing = !comparing;
    const current = player.pictures[shown] ?? player.picture;
    const of = compared = player.picture;
    if (comparing && player.plain?.of !== of) {
      caption.textContent = T.stage.comparing;
      try {
        const pictures = await drawPlain(current?.recipe ?? store.recipe);
        caption.textContent = '';
        if (player.picture !== of) return; // another picture is there by now
        player.plain = { pictures, of };
        events.tell('kept');
        wipe.value = 50;
        frame.style.setProperty('--wipe', '50%');
      } catch (error) {
        if (player.picture === of) comparing = false;
        caption.textContent = error.message;
      }
    }
    show();
    if (comparing) wipe.focus();
  }

  function showInit() {
    const { init } = store.recipe;
    const put = (fields, group) => store.editRecipe({ init: Object.fromEntries(Object.entries({ ...store.recipe.init, ...fields }).filter(([, v]) => v !== undefined)) }, group);
    const file = h('input', { type: 'file', accept: 'image/png,image/jpeg,image/webp', hidden: true, onchange: () => file.files[0] && actions.startFromFile(file.files[0]) });
    if (start.contains(document.activeElement) && document.activeElement.type === 'range') return;
    if (!init) return fill(start, file, h('button.quiet', { type: 'button', 'data-key': 'init', onclick: () => file.click() }, icon('image'), T.init.start));
    fill(start, init.file ? h('img.thumb', { src: addressOf(init.file), alt: '' }) : null,
      slider(T.init.strength, init.strength ?? 0.75, [0.01, 1], (strength) => put({ strength }, 'init'), { format: (v) => `${Math.round(v * 100)} %`, onDone: () => store.close() }),
      init.mask ? h('button.quiet', { type: 'button', 'data-key': 'unmask', onclick: () => put({ mask: undefined, only_masked: undefined }) }, T.init.unmask)
        : h('button.quiet', { type: 'button', 'data-key': 'mask', onclick: () => { put({ mask: { shape: 'ellipse', center: [0.5, 0.5], radii: [0.3, 0.3], feather: 0.1 } }); masks.state.tool = 'brush'; masks.state.target = 99; masks.refresh(); } }, T.init.mask),
      init.mask ? h('button.quiet', { type: 'button', 'data-key': 'only', 'aria-pressed': init.only_masked !== undefined, onclick: () => put({ only_masked: init.only_masked === undefined ? 32 : undefined }) }, T.init.only) : null,
      h('button.quiet', { type: 'button', 'data-key': 'noise', onclick: () => store.editRecipe({ init: undefined }) }, T.init.remove));
  }

  /** The heat map of the word under the pointer, over the picture. */
  function point(word) {
    const maps = (player.pictures[shown] ?? player.picture)?.heat ?? [];
    const map = word && !player.busy ? maps.find((m) => m.word.toLowerCase() === word.toLowerCase() && (m.image ?? 0) === shown) : null;
    heat.hidden = !map;
    if (map) heat.src = map.url;
    frame.classList.toggle('hot', Boolean(map));
    if (!word) caption.textContent = '';
    else if (player.picture && !player.busy) caption.textContent = map ? T.stage.heatOf(word) : noHeat(word, maps);
  }

  function noHeat(word, maps) {
    if (maps.length) return T.stage.heatLeft(word);
    const { syntax = 'plain' } = (player.pictures[shown] ?? player.picture).recipe ?? store.recipe;
    return syntax === 'plain' ? T.stage.heatNone(word, store.view.heat) : T.stage.heatPlain(word);
  }

  picture.addEventListener('dragstart', (event) => {
    const current = player.pictures[shown] ?? player.picture;
    if (!current || player.busy) return event.preventDefault();
    const url = new URL(current.url, location.href).href;
    event.dataTransfer.setData('DownloadURL', `image/png:${fileName(current.name)}:${url}`);
    event.dataTransfer.setData('text/uri-list', url);
  });
  events.on('player', () => {
    if (player.busy || shown >= player.pictures.length) shown = 0;
    if (player.picture !== compared) comparing = false;
    show();
  });
  events.on('word', point);
  events.on('models', show);
  store.on((what) => what.doc && show());
  const element = h('section.card.stage', { 'aria-label': T.stage.label }, frame, caption, masks.bar, h('div.stage-tools', bar, start));
  return { element, show, masks };
}
