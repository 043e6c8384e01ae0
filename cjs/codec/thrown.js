"use strict";
// What a handler throws, on its way to the caller: always in this form, whichever codec the values take, so that an
// error keeps what makes it useful. As a value among others an error is only what structured clone leaves of it.
Object.defineProperty(exports, "__esModule", { value: true });
exports.encodeThrown = encodeThrown;
exports.decodeThrown = decodeThrown;
exports.joinStacks = joinStacks;
const node_util_1 = require("node:util");
const errors_js_1 = require("../errors.js");
const decoder_js_1 = require("./decoder.js");
const limits_js_1 = require("./limits.js");
const outgoing_js_1 = require("./outgoing.js");
const structured_js_1 = require("./structured.js");
/**
 * kind:u8 and seven zero bytes, so that what follows is aligned as it would be alone. Then a `Thrown` in structured
 * form, or the value in the form of the codec.
 */
const HEAD_BYTES = 8;
const KIND_ERROR = 0;
const KIND_VALUE = 1;
/** Errors carried with one thrown error: its causes, their causes, members of `errors`. What is beyond is left out. */
const MAX_ERRORS = 1000;
/** Levels that `Thrown` puts around a property's value. */
const WRAPPING_LEVELS = 8;
const SHORT_CHARACTERS = 8 * 1024;
const LANGUAGE_CLASSES = [
    'Error',
    'EvalError',
    'RangeError',
    'ReferenceError',
    'SyntaxError',
    'TypeError',
    'URIError',
    'AggregateError',
    'SuppressedError',
];
/**
 * Appends what was thrown to `out`. Never throws: what cannot be carried is left out, in the end all but the message.
 *
 * An error keeps its class if the language or this package has it, else the nearest such class and its `name`; its
 * message, stack, cause, `errors`, and each own enumerable property that can be sent. What is no error goes through
 * `codec`; if that refuses it, its refusal goes in its place.
 */
function encodeThrown(thrown, out, codec, limits = limits_js_1.DEFAULT_CODEC_LIMITS) {
    const start = out.position;
    const segments = out.segments.length;
    const { segmentBytes } = out;
    try {
        if (!isError(thrown)) {
            try {
                writeHead(out, KIND_VALUE);
                codec.encode(thrown, out, 'result');
                return;
            }
            catch (refusal) {
                out.rewind(start, segments, segmentBytes);
                thrown = refusal;
            }
        }
        writeHead(out, KIND_ERROR);
        encodeErrors(describeAll(thrown), out, {
            maxDepth: limits.maxDepth + WRAPPING_LEVELS,
            maxPayloadBytes: Math.max(0, limits.maxPayloadBytes - HEAD_BYTES),
        });
    }
    catch {
        // Not even a short message fits the limits: they are for values, and an answer there must be.
        out.rewind(start, segments, segmentBytes);
        writeHead(out, KIND_ERROR);
        (0, structured_js_1.encodeStructured)([unreadable('It could not be sent.')], out, limits_js_1.DEFAULT_CODEC_LIMITS);
    }
}
/**
 * What was thrown on the other side.
 * @throws PlumpSerializationError if the bytes are none that `encodeThrown` writes, or what `codec` throws.
 */
function decodeThrown(bytes, start, end, codec, limits = limits_js_1.DEFAULT_CODEC_LIMITS) {
    const from = start + HEAD_BYTES;
    const kind = from <= end ? bytes[start] : undefined;
    if (kind === KIND_VALUE)
        return codec.decode(bytes, from, end, false);
    if (kind !== KIND_ERROR)
        throw malformed();
    const { maxDepth, maxPayloadBytes } = limits;
    const wrapped = { maxDepth: maxDepth + WRAPPING_LEVELS, maxPayloadBytes };
    return reviveAll((0, decoder_js_1.decodeStructured)(bytes, from, end, wrapped, false));
}
// --- describing ---------------------------------------------------------------------------------------------------
function writeHead(out, kind) {
    out.reserve(HEAD_BYTES);
    out.bytes.fill(0, out.position, out.position + HEAD_BYTES);
    out.bytes[out.position] = kind;
    out.position += HEAD_BYTES;
}
/** Runs whatever the thrown thing makes of being asked: a getter, a trap of a proxy. */
function attempt(reading) {
    try {
        return reading();
    }
    catch {
        return undefined;
    }
}
function isError(value) {
    if (typeof value !== 'object' || value === null)
        return false;
    if (node_util_1.types.isNativeError(value))
        return true;
    // A proxy is no value that could go through the codec; what it shows of an error is better than its refusal.
    return node_util_1.types.isProxy(value) || attempt(() => value instanceof Error) === true;
}
function describeAll(thrown) {
    const errors = [thrown];
    const described = [];
    const numbers = new Map([[errors[0], 0]]);
    const link = (value) => {
        if (!isError(value))
            return [1, value];
        let number = numbers.get(value);
        if (number === undefined) {
            if (errors.length >= MAX_ERRORS)
                return undefined;
            number = errors.push(value) - 1;
            numbers.set(value, number);
        }
        return [0, number];
    };
    for (let i = 0; i < errors.length; i++)
        described.push(describe(errors[i], link));
    return described;
}
function describe(error, link) {
    const at = error;
    const type = classOf(error);
    const message = attempt(() => at['message']);
    const stack = attempt(() => at['stack']);
    const links = [];
    const names = type === 'SuppressedError' ? ['cause', 'error', 'suppressed'] : ['cause'];
    for (const name of names) {
        if (attempt(() => Object.hasOwn(error, name)) !== true)
            continue;
        const target = link(attempt(() => at[name]));
        if (target !== undefined)
            links.push([name, target]);
    }
    const members = type === 'AggregateError' ? attempt(() => at['errors']) : undefined;
    const errors = Array.isArray(members)
        ? attempt(() => members.map(link).filter((member) => member !== undefined))
        : undefined;
    const skipped = new Set(['name', 'message', 'stack', ...names, ...(errors ? ['errors'] : [])]);
    const properties = [];
    for (const key of attempt(() => Object.keys(error)) ?? []) {
        if (skipped.has(key))
            continue;
        let value;
        try {
            value = at[key];
        }
        catch {
            continue;
        }
        properties.push(key, value);
    }
    return {
        type,
        name: nameOf(error, type),
        message: message === undefined ? undefined : textOf(message),
        stack: typeof stack === 'string' ? stack : undefined,
        links,
        errors,
        properties,
    };
}
const knownClasses = () => {
    const known = new Map([[DOMException.prototype, 'DOMException']]);
    for (const name of LANGUAGE_CLASSES) {
        const constructor = globalThis[name];
        if (constructor !== undefined)
            known.set(constructor.prototype, name);
    }
    for (const [name, { prototype }] of Object.entries(errors_js_1.errorClasses))
        known.set(prototype, name);
    return known;
};
let classNames;
/** The nearest class that every process has. */
function classOf(error) {
    classNames ??= knownClasses();
    const found = attempt(() => {
        let prototype = Object.getPrototypeOf(error);
        // Bounded, since a proxy can give one prototype after the other.
        for (let i = 0; i < 100 && prototype !== null; i++) {
            const known = classNames.get(prototype) ?? foreignClass(prototype);
            if (known !== undefined)
                return known;
            prototype = Object.getPrototypeOf(prototype);
        }
        return undefined;
    });
    return found ?? 'Error';
}
/** The class in another realm (`node:vm`), or in this package loaded a second time: only its name is the same. */
function foreignClass(prototype) {
    const constructor = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
    if (typeof constructor !== 'function')
        return undefined;
    const { name } = constructor;
    if (Object.hasOwn(errors_js_1.errorClasses, name))
        return name;
    const isNative = /\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(constructor));
    return isNative && LANGUAGE_CLASSES.includes(name) ? name : undefined;
}
/** `class ParseError extends Error {}` has the name `Error` until somebody sets it; what it is called says more. */
function nameOf(error, type) {
    const name = attempt(() => error.name);
    if (typeof name === 'string' && name !== type && name !== '')
        return name;
    if (attempt(() => Object.hasOwn(error, 'name')) === true)
        return type;
    const own = attempt(() => error.constructor.name);
    // Node's own classes, of which users see `TypeError` and a code.
    if (typeof own !== 'string' || own === '' || own === 'NodeError' || own === 'Object')
        return type;
    return own;
}
function textOf(value) {
    if (typeof value === 'string')
        return value;
    return attempt(() => String(value)) ?? 'The message of this error has no text.';
}
function unreadable(message) {
    return {
        type: 'Error',
        name: 'Error',
        message,
        stack: undefined,
        links: [],
        errors: undefined,
        properties: [],
    };
}
// --- encoding -----------------------------------------------------------------------------------------------------
/** Writes as much as can be written: all, all but what fails alone, only texts, only short texts of the first. */
function encodeErrors(errors, out, limits) {
    const forms = [
        () => errors,
        () => errors.map((error) => withoutUnsendable(error, limits)),
        () => errors.map(onlyTexts),
        () => [shortened(onlyTexts(errors[0]))],
    ];
    for (const form of forms) {
        try {
            (0, structured_js_1.encodeStructured)(form(), out, limits);
            return;
        }
        catch {
            // The next form leaves out more.
        }
    }
    (0, structured_js_1.encodeStructured)([unreadable(errors[0].message?.slice(0, 80) ?? '')], out, limits);
}
function withoutUnsendable(error, limits) {
    const scratch = new outgoing_js_1.Outgoing({ initialBytes: 4096 });
    const canBeSent = (value) => {
        scratch.reset();
        try {
            (0, structured_js_1.encodeStructured)(value, scratch, { ...limits, maxDepth: limits.maxDepth - WRAPPING_LEVELS });
            return true;
        }
        catch {
            return false;
        }
    };
    const isLinkSendable = ([kind, target]) => kind === 0 || canBeSent(target);
    const properties = [];
    for (let i = 0; i < error.properties.length; i += 2) {
        const [key, value] = [error.properties[i], error.properties[i + 1]];
        if (canBeSent(value))
            properties.push(key, value);
    }
    return {
        ...error,
        properties,
        links: error.links.filter(([, link]) => isLinkSendable(link)),
        errors: error.errors?.filter(isLinkSendable),
    };
}
function onlyTexts(error) {
    return {
        ...error,
        links: error.links.filter(([, [kind]]) => kind === 0),
        errors: error.errors?.filter(([kind]) => kind === 0),
        properties: [],
    };
}
function shortened(error) {
    const cut = (text) => text.length > SHORT_CHARACTERS ? `${text.slice(0, SHORT_CHARACTERS)}…` : text;
    return {
        ...error,
        name: cut(error.name),
        message: error.message === undefined ? undefined : cut(error.message),
        stack: error.stack === undefined ? undefined : cut(error.stack),
        links: [],
        errors: error.errors && [],
    };
}
// --- decoding -----------------------------------------------------------------------------------------------------
const malformed = (cause) => new errors_js_1.PlumpSerializationError('ERR_PLUMP_DECODE', 'The bytes that came from the other process are no thrown error. Do both sides use the same version?', { cause });
function reviveAll(thrown) {
    try {
        if (!Array.isArray(thrown) || thrown.length === 0)
            throw malformed();
        const described = thrown;
        const errors = described.map(make);
        for (let i = 0; i < errors.length; i++)
            complete(errors[i], described[i], errors);
        return errors[0];
    }
    catch (error) {
        throw error instanceof errors_js_1.PlumpSerializationError ? error : malformed(error);
    }
}
function make({ type, name, message }) {
    if (typeof type !== 'string' || typeof name !== 'string')
        throw malformed();
    if (message !== undefined && typeof message !== 'string')
        throw malformed();
    return (0, decoder_js_1.withoutFrames)(() => {
        if (type === 'DOMException')
            return new DOMException(message, name);
        if (type === 'AggregateError')
            return new AggregateError([], message);
        if (Object.hasOwn(errors_js_1.errorClasses, type)) {
            const { prototype } = errors_js_1.errorClasses[type];
            return Object.setPrototypeOf(new Error(message), prototype);
        }
        const constructor = LANGUAGE_CLASSES.includes(type)
            ? globalThis[type]
            : undefined;
        if (constructor === undefined)
            return new Error(message);
        if (type !== 'SuppressedError')
            return new constructor(message);
        const error = new constructor();
        if (message !== undefined)
            hide(error, 'message', message);
        return error;
    });
}
function complete(error, described, errors) {
    const { name, stack, links, errors: members, properties } = described;
    const follow = ([kind, target]) => {
        if (kind === 1)
            return target;
        const linked = typeof target === 'number' ? errors[target] : undefined;
        if (linked === undefined)
            throw malformed();
        return linked;
    };
    if (error.name !== name)
        hide(error, 'name', name);
    (0, decoder_js_1.setStack)(error, typeof stack === 'string' ? stack : `${name}: ${error.message}`);
    for (const [property, link] of links)
        hide(error, property, follow(link));
    if (members !== undefined)
        hide(error, 'errors', members.map(follow));
    for (let i = 0; i < properties.length; i += 2) {
        const key = properties[i];
        if (typeof key !== 'string')
            throw malformed();
        Object.defineProperty(error, key, {
            value: properties[i + 1],
            writable: true,
            enumerable: true,
            configurable: true,
        });
    }
}
/** As the language itself keeps these: not listed among the properties. */
function hide(error, key, value) {
    Object.defineProperty(error, key, {
        value,
        writable: true,
        enumerable: false,
        configurable: true,
    });
}
// --- stacks -------------------------------------------------------------------------------------------------------
/** Start of the location of every frame in this package, e.g. `file:///…/dist/`, if the engine tells. */
const packageLocation = (() => {
    const stack = new Error().stack;
    return typeof stack === 'string'
        ? /((?:file:\/\/)?[^\s(]*[/\\])codec[/\\]thrown\.\w+:/.exec(stack)?.[1]
        : undefined;
})();
/**
 * Puts the caller's frames under those of the worker, from where the error came: both ends of the call are in one
 * stack. `callerStack` is the `stack` of an error made at the call; its first line and this package's frames are
 * left out. Does nothing if either has no frames or the error cannot be changed.
 */
function joinStacks(error, callerStack) {
    attempt(() => {
        const { stack } = error;
        if (typeof stack !== 'string')
            return;
        const frames = callerStack
            .split('\n')
            .filter((line) => /^\s+at /.test(line))
            .filter((line) => packageLocation === undefined || !line.includes(packageLocation));
        if (frames.length === 0)
            return;
        error.stack = `${stack}\n${frames.join('\n')}`;
    });
}
//# sourceMappingURL=thrown.js.map