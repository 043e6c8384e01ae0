"use strict";
// What there is once per JavaScript environment, however many copies of this package were loaded into it: ESM and
// CommonJS builds, loaders that add a query to the path, duplicates in node_modules. Commands that one copy registers
// must be found by the other, and a link has one owner.
Object.defineProperty(exports, "__esModule", { value: true });
exports.isWorker = void 0;
exports.once = once;
exports.takeLink = takeLink;
const errors_js_1 = require("./errors.js");
const version_js_1 = require("./version.js");
const key = Symbol.for('plump-ipc');
const shared = find();
/** Whether this process was started as a worker (by `start`, `spawn`, or with the entries of `createLink()`). */
exports.isWorker = shared.isWorker;
/** The thing of that name, made on first use by whichever copy of this package asks first. */
function once(name, make) {
    if (!shared.things.has(name))
        shared.things.set(name, make());
    return shared.things.get(name);
}
/** Hands out the value of PLUMP_IPC_LINK, once. */
function takeLink() {
    const link = shared.link;
    shared.link = undefined;
    return link;
}
function find() {
    const place = globalThis;
    const first = place[key];
    if (first !== undefined && first.version === version_js_1.version)
        return first;
    if (first?.isWorker === true)
        throw new errors_js_1.PlumpConnectionError('ERR_PLUMP_VERSION_MISMATCH', `The host runs plump-ipc ${first.version}, this worker's module imports plump-ipc ${version_js_1.version}.`);
    const link = process.env['PLUMP_IPC_LINK'];
    // Children of this process must not take themselves for a worker.
    delete process.env['PLUMP_IPC_LINK'];
    const made = { version: version_js_1.version, link, isWorker: link !== undefined, things: new Map() };
    // Two versions in one host know nothing of each other; the second one keeps to itself.
    if (first === undefined)
        Object.defineProperty(place, key, { value: made });
    return made;
}
//# sourceMappingURL=shared.js.map