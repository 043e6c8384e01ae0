"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.callAsync = callAsync;
// One executor for all promises, which leaves what it was given here: a closure per call costs more than the promise.
let given;
const executor = (resolve) => {
    given = resolve;
};
/** Makes a call whose answer settles the promise. Never throws: what is wrong at once rejects it too. */
function callAsync(pool, name, args, timeoutMs) {
    const promise = new Promise(executor);
    const resolve = given;
    try {
        const command = pool.numberOf(name);
        pool.used();
        pool.exchange.post(pool, command, name, args, timeoutMs, resolve);
    }
    catch (error) {
        return Promise.reject(error);
    }
    return promise;
}
//# sourceMappingURL=call-async.js.map