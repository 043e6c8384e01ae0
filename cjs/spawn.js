"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.spawn = spawn;
const plump_ipc_js_1 = require("./plump-ipc.js");
/**
 * Starts workers with that module: `new PlumpIPC(options).start(module)`. Returns at once; calls wait until the first
 * worker is ready.
 *
 * ```ts
 * const math = spawn<typeof import('./math.js')>(new URL('./math.js', import.meta.url))
 * math.call('add', 1, 2)
 * ```
 *
 * @throws what `PlumpIPC.start` throws.
 */
function spawn(module, options) {
    return new plump_ipc_js_1.PlumpIPC(options).start(module);
}
//# sourceMappingURL=spawn.js.map