"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.fillerOf = fillerOf;
const node_vm_1 = require("node:vm");
/** Longer lists of keys are filled piece by piece, so that few texts are ever compiled. */
const MAX_KEYS = 16;
/** By the number of keys: compiled when first needed; `null` where the runtime has no way to do so. */
const scripts = [];
/**
 * A function of its own for one list of keys, or undefined if there can be none.
 *
 * `object[key] = value` at one place for all shapes is a search for each property; where the engine has seen one key
 * alone at a place it is a store. So each shape gets places of its own: the same text, evaluated once more. Nothing
 * of a message is in that text: the keys, which come from the other process, are arguments, and all that is chosen is
 * how many there are. That is why it may be done on the host too, and why `node:vm`, which also works where code
 * generation from strings is forbidden, is enough.
 */
function fillerOf(keys, read) {
    const pieces = [];
    for (let from = 0; from < keys.length; from += MAX_KEYS) {
        const piece = keys.slice(from, from + MAX_KEYS);
        const made = makerFor(piece.length)?.(read, ...piece);
        if (made === undefined)
            return undefined;
        pieces.push(made);
    }
    if (pieces.length === 1)
        return pieces[0];
    return (object) => {
        for (let i = 0; i < pieces.length; i++)
            pieces[i](object);
    };
}
function makerFor(count) {
    if (scripts[count] === undefined)
        scripts[count] = compiled(count);
    // Run again each time: functions of one run share what the engine learns of their places.
    return scripts[count]?.runInThisContext();
}
function compiled(count) {
    const names = Array.from({ length: count }, (_, i) => `k${i}`);
    const stores = names.map((name) => `object[${name}] = read()`);
    const text = `(function (read, ${names.join(', ')}) {
  'use strict'
  return function (object) {
    ${stores.join('\n    ')}
  }
})`;
    try {
        return new node_vm_1.Script(text, { filename: 'plump-ipc:filler' });
    }
    catch {
        return null;
    }
}
//# sourceMappingURL=fillers.js.map