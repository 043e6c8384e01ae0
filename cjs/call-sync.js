"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.callSync = callSync;
const rejected_js_1 = require("./rejected.js");
/** Makes a call and blocks this thread until it has settled; what other calls are answered meanwhile waits. */
function callSync(pool, name, args, timeoutMs) {
    const command = pool.numberOf(name);
    pool.used();
    try {
        return pool.exchange.call(pool, command, name, args, timeoutMs);
    }
    catch (error) {
        // A failure made here has the caller's stack already; what the worker threw has only the worker's.
        if (error instanceof Error)
            (0, rejected_js_1.addCallerStack)(error);
        throw error;
    }
}
//# sourceMappingURL=call-sync.js.map