"use strict";
// The errors that this package throws. What a handler throws reaches its caller as it was, not wrapped in these.
Object.defineProperty(exports, "__esModule", { value: true });
exports.errorClasses = exports.PlumpTimeoutError = exports.PlumpSerializationError = exports.PlumpWorkerError = exports.PlumpConnectionError = exports.PlumpError = void 0;
exports.createError = createError;
const codes_js_1 = require("./generated/codes.js");
const family = Symbol.for('plump-ipc.error');
/**
 * What every error of this package is.
 *
 * `code` never changes between versions and is what programs should look at; docs/errors.md has one heading for each.
 */
class PlumpError extends Error {
    /** Stable, one of the union. */
    code;
    /** What to do about it, in one sentence. */
    remedy;
    constructor(code, message = codes_js_1.codes[code].summary, options) {
        super(message, options && causeOf(options));
        this.code = code;
        this.remedy = codes_js_1.codes[code].remedy;
    }
    /**
     * One process may have loaded this package twice, as ESM and as CommonJS; `instanceof` holds across the two. Sharing
     * the classes through `globalThis` was refused: their types would no longer be classes in the declarations.
     */
    static [Symbol.hasInstance](value) {
        if (Function.prototype[Symbol.hasInstance].call(this, value))
            return true;
        const name = Object.hasOwn(this, family) ? this[family] : undefined;
        for (let at = name === undefined ? null : value; isObject(at); at = prototypeOf(at)) {
            const maker = Object.getOwnPropertyDescriptor(at, 'constructor')?.value;
            if (typeof maker === 'function' && maker[family] === name)
                return true;
        }
        return false;
    }
}
exports.PlumpError = PlumpError;
/** The link to a worker can't be made, or was closed. */
class PlumpConnectionError extends PlumpError {
}
exports.PlumpConnectionError = PlumpConnectionError;
/** The worker failed to start, or ended while the call was on it. */
class PlumpWorkerError extends PlumpError {
    constructor(code, message, details = {}) {
        super(code, message, details);
        keep(this, 'pid', details.pid);
        keep(this, 'exitCode', details.exitCode);
        keep(this, 'signal', details.signal);
        keep(this, 'command', details.command);
        keep(this, 'stderr', details.stderr);
    }
}
exports.PlumpWorkerError = PlumpWorkerError;
/** A value can't travel, or bytes that came are none. */
class PlumpSerializationError extends PlumpError {
    constructor(code, message, details = {}) {
        super(code, message, details);
        keep(this, 'path', details.path);
    }
}
exports.PlumpSerializationError = PlumpSerializationError;
/** A limit of time was reached. */
class PlumpTimeoutError extends PlumpError {
    constructor(code, message, details = {}) {
        super(code, message, details);
        keep(this, 'timeoutMs', details.timeoutMs);
        keep(this, 'command', details.command);
    }
}
exports.PlumpTimeoutError = PlumpTimeoutError;
/** The classes by the names that the list in Rust gives them. */
exports.errorClasses = {
    PlumpError,
    PlumpConnectionError,
    PlumpWorkerError,
    PlumpSerializationError,
    PlumpTimeoutError,
};
for (const [name, constructor] of Object.entries(exports.errorClasses)) {
    // On the prototype, as the built-in classes have it: an own `name` would print twice and travel with each error.
    Object.defineProperty(constructor.prototype, 'name', {
        value: name,
        writable: true,
        configurable: true,
    });
    Object.defineProperty(constructor, family, { value: name });
}
/** The error of `code` in the class that the list gives it; details that the class has no place for are left out. */
function createError(code, message, details = {}) {
    const constructor = exports.errorClasses[codes_js_1.codes[code].class];
    return new constructor(code, message, details);
}
// `new Error(message, { cause: undefined })` would make an own property that says nothing.
function causeOf(details) {
    return details.cause === undefined ? undefined : { cause: details.cause };
}
// Undefined ones stay away, so that printing the error shows what is known and nothing else.
function keep(error, name, value) {
    if (value !== undefined)
        Object.defineProperty(error, name, {
            value,
            enumerable: true,
            writable: true,
            configurable: true,
        });
}
function isObject(value) {
    return typeof value === 'object' && value !== null;
}
function prototypeOf(value) {
    return Object.getPrototypeOf(value);
}
//# sourceMappingURL=errors.js.map