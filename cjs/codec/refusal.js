"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Refusal = void 0;
exports.propertyStep = propertyStep;
const errors_js_1 = require("../errors.js");
/**
 * Thrown inside the encoder. Not an Error: the path is known only step by step, while this climbs out of the
 * value, and the real error is made once, at the top. Keeping the path at all times instead would cost every
 * property of every message.
 */
class Refusal {
    code;
    /** What follows the path in the message, e.g. `is a function: …`. */
    reason;
    cause;
    /** Steps from the value up to the root. */
    #steps = [];
    constructor(code, reason, cause) {
        this.code = code;
        this.reason = reason;
        this.cause = cause;
    }
    /** `error`, one step further up; anything that is not a Refusal came out of the user's own code. */
    static at(error, step) {
        const refusal = error instanceof Refusal ? error : Refusal.thrown(error);
        refusal.#steps.push(step);
        return refusal;
    }
    static thrown(error) {
        if (error instanceof errors_js_1.PlumpSerializationError && error.code === 'ERR_PLUMP_PAYLOAD_TOO_LARGE') {
            return new Refusal('ERR_PLUMP_PAYLOAD_TOO_LARGE', error.message);
        }
        if (error instanceof RangeError && error.message === 'Maximum call stack size exceeded') {
            return new Refusal('ERR_PLUMP_TOO_DEEP', 'is nested deeper than the stack reaches.', error);
        }
        return new Refusal('ERR_PLUMP_UNSERIALIZABLE', `could not be read: ${described(error)}`, error);
    }
    toError(root) {
        if (this.code === 'ERR_PLUMP_PAYLOAD_TOO_LARGE') {
            return new errors_js_1.PlumpSerializationError(this.code, this.reason);
        }
        const path = this.#path(root);
        return new errors_js_1.PlumpSerializationError(this.code, `${path} ${this.reason}`, this.cause === undefined ? { path } : { path, cause: this.cause });
    }
    /** Of a very deep path only both ends are told. */
    #path(root) {
        const steps = this.#steps;
        if (steps.length <= 40)
            return root + steps.toReversed().join('');
        return `${root}${steps.slice(-20).toReversed().join('')}…${steps.slice(0, 20).toReversed().join('')}`;
    }
}
exports.Refusal = Refusal;
/** The step to a property, as one would write it in a program. */
function propertyStep(key) {
    if (/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key))
        return `.${key}`;
    return `[${JSON.stringify(key.length > 64 ? `${key.slice(0, 64)}…` : key)}]`;
}
function described(error) {
    try {
        return String(error);
    }
    catch {
        return 'something was thrown that has no text';
    }
}
//# sourceMappingURL=refusal.js.map