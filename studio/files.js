// Pictures and recipes that come in: dropped anywhere, chosen, or pasted.
import { api } from './api.js';
import { h } from './dom.js';
import { parse } from './json.js';
import { withoutHeat } from './player.js';
import { T } from './texts.js';

export function makeFiles(store, actions, player) {
  const veil = h('div.drop-veil', { hidden: true }, h('p', T.stage.drop));
  let depth = 0;
  let own = false; // a picture on its way out is no picture that comes in
  const comes = (event) => !own && [...(event.dataTransfer?.types ?? [])].includes('Files');
  addEventListener('dragstart', () => { own = true; });
  addEventListener('dragend', () => { own = false; });
  addEventListener('dragenter', (event) => {
    if (!comes(event)) return;
    event.preventDefault();
    ++depth;
    document.body.append(veil);
    veil.hidden = false;
  });
  addEventListener('dragleave', () => { if (--depth <= 0) hide(); });
  addEventListener('dragover', (event) => comes(event) && event.preventDefault());
  addEventListener('drop', (event) => {
    hide();
    const file = event.dataTransfer?.files[0];
    if (!file || own) return;
    event.preventDefault();
    takeFile(file);
  });
  addEventListener('paste', (event) => {
    const file = event.clipboardData?.files[0];
    if (file && !event.clipboardData.types.includes('text/plain')) takeFile(file); // text that brings its picture along is text
  });

  function hide() {
    depth = 0;
    veil.hidden = true;
  }

  let address; // of the picture that was dropped last
  function show(file, recipe) {
    if (player.busy) return;
    URL.revokeObjectURL(address);
    address = URL.createObjectURL(file);
    player.show({ name: file.name, url: address, seed: recipe.seed, recipe, file });
  }

  /** A recipe as JSON, or a picture with one inside; a picture without one becomes the start. */
  async function takeFile(file) {
    if (file.type === 'application/json' || file.name?.endsWith('.json')) {
      try {
        return actions.takeRecipe(parse(await file.text()), T.files.recipe);
      } catch (error) {
        return actions.say(T.tracks.bad + error.message);
      }
    }
    if (file.type && !file.type.startsWith('image/')) return actions.say(T.files.unknown);
    try {
      const { recipe, notes } = await api.read(file);
      if (!recipe) return startFromFile(file);
      actions.takeRecipe(withoutHeat(recipe), T.files.restored((notes ?? []).join(' ')));
      show(file, recipe);
    } catch (error) {
      if (!error.noRecipe) return actions.say(error.message);
      startFromFile(file);
    }
  }

  /** The name under which recipes know a picture, or a face's vector, that the server now has; undefined where it is none, which is said. */
  async function upload(file, vector = false) {
    const failed = vector ? T.tracks.noFace : T.init.failed;
    try {
      const { id, type } = await api.upload(file);
      if (!type || (vector ? type === 'application/x-safetensors' : type.startsWith('image/'))) return `upload:${id}`;
      actions.say(failed);
    } catch (error) {
      actions.say([400, 415, 422].includes(error.status) ? failed : error.message);
    }
    return undefined;
  }

  async function startFromFile(file) {
    const name = await upload(file);
    if (name) actions.startFrom(name);
  }
  return { takeFile, startFromFile, upload };
}
