"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.rejected = rejected;
exports.addCallerStack = addCallerStack;
const thrown_js_1 = require("./codec/thrown.js");
/**
 * A promise that rejects with `reason`, to resolve the promise of an `acall` with; adds to an error's stack the async
 * frames of whoever awaits that promise.
 *
 * Capturing the stack when the call is made would cost every call microseconds for the sake of those that fail. V8
 * knows it afterwards: from inside an async function it walks the chain of promises that wait for that function. The
 * chain is complete after two microtasks, when the promise of the call follows this one.
 */
async function rejected(reason) {
    await undefined;
    await undefined;
    if (reason instanceof Error)
        addCallerStack(reason);
    throw reason;
}
/** Puts the stack of here, without this package's own frames, below the error's own stack. */
function addCallerStack(error) {
    (0, thrown_js_1.joinStacks)(error, new Error().stack ?? '');
}
//# sourceMappingURL=rejected.js.map