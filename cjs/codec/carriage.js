"use strict";
// What an object is to structured clone, which looks at internal slots and not at prototypes, seen from
// JavaScript, which can ask for most of these slots but not for all.
Object.defineProperty(exports, "__esModule", { value: true });
exports.DETACHED_REFUSAL = exports.PROXY_REFUSAL = exports.SHARED_MEMORY_REFUSAL = void 0;
exports.verdictOn = verdictOn;
exports.refusedKind = refusedKind;
const node_buffer_1 = require("node:buffer");
const node_crypto_1 = require("node:crypto");
const node_net_1 = require("node:net");
const node_perf_hooks_1 = require("node:perf_hooks");
const node_util_1 = require("node:util");
const node_vm_1 = require("node:vm");
const node_worker_threads_1 = require("node:worker_threads");
const SHARED_MEMORY = 'is a SharedArrayBuffer or a view of one, which another process cannot share. Send a copy: new Uint8Array(view).';
const FOREIGN = 'belongs to this process and cannot be sent to another one. Send the plain data that the other side needs.';
const called = (name) => `is a ${name}: it ${FOREIGN}`;
/** What has an own kind of state that structured clone refuses and that can be asked for. */
const REFUSED_KINDS = [
    [node_util_1.types.isPromise, 'is a Promise, which cannot be sent. Await it first.'],
    [node_util_1.types.isWeakMap, called('WeakMap')],
    [node_util_1.types.isWeakSet, called('WeakSet')],
    [
        node_util_1.types.isGeneratorObject,
        'is a generator, which cannot be sent. Collect its values in an array.',
    ],
    [node_util_1.types.isMapIterator, 'is an iterator, which cannot be sent. Collect its values in an array.'],
    [node_util_1.types.isSetIterator, 'is an iterator, which cannot be sent. Collect its values in an array.'],
    [node_util_1.types.isArgumentsObject, 'is an arguments object, which cannot be sent. Send [...arguments].'],
    [node_util_1.types.isModuleNamespaceObject, called('module namespace')],
    [node_util_1.types.isExternal, called('native pointer')],
    [node_util_1.types.isSharedArrayBuffer, SHARED_MEMORY],
];
exports.SHARED_MEMORY_REFUSAL = SHARED_MEMORY;
exports.PROXY_REFUSAL = 'is a Proxy, which structured clone refuses. Send a copy of what it stands for: { ...proxy }.';
exports.DETACHED_REFUSAL = 'is a detached ArrayBuffer, or a view that its ArrayBuffer no longer holds. Send it before it is transferred.';
/** Classes of the language whose state cannot be asked for: refused by the prototypes that lead to them. */
const REFUSED_INTRINSICS = new Set([
    'AsyncDisposableStack',
    'DisposableStack',
    'FinalizationRegistry',
    'Iterator',
    'Promise',
    'WeakMap',
    'WeakRef',
    'WeakSet',
]);
const REFUSED_NAMESPACES = ['Intl', 'WebAssembly', 'Temporal'];
/** Classes of the platform that are refused everywhere, whatever this Node makes of them: a handle stays behind. */
const REFUSED_CLASSES = [
    node_buffer_1.Blob,
    node_net_1.BlockList,
    node_crypto_1.KeyObject,
    node_worker_threads_1.MessagePort,
    node_vm_1.Script,
    node_net_1.SocketAddress,
    node_crypto_1.X509Certificate,
    Object.getPrototypeOf((0, node_perf_hooks_1.createHistogram)()).constructor,
];
const REFUSED_GLOBALS = [
    'BroadcastChannel',
    'CompressionStream',
    'CryptoKey',
    'DecompressionStream',
    'EventSource',
    'File',
    'FormData',
    'ReadableStream',
    'Request',
    'Response',
    'TransformStream',
    'WebSocket',
    'WritableStream',
];
/** Classes of the platform that one Node clones as plain objects and the next refuses: this Node is asked, once. */
const ASKED_GLOBALS = {
    CloseEvent: (CloseEvent) => new CloseEvent('close'),
    Headers: (Headers) => new Headers(),
    MessageEvent: (MessageEvent) => new MessageEvent('message'),
    URL: (URL) => new URL('a:b'),
    URLPattern: (URLPattern) => new URLPattern(),
    URLSearchParams: (URLSearchParams) => new URLSearchParams(),
};
const globals = globalThis;
const functionText = Function.prototype.toString;
const PLAIN = '';
let refusals;
/** What is known of prototypes without looking at them. Made at the first class instance: touching some globals loads them. */
function refusedPrototypes() {
    if (refusals !== undefined)
        return refusals;
    refusals = new Map();
    const refuse = (candidate, name) => {
        const prototype = typeof candidate === 'function' ? candidate.prototype : undefined;
        if (typeof prototype === 'object' && prototype !== null)
            refusals.set(prototype, called(name));
    };
    for (const name of REFUSED_INTRINSICS)
        refuse(globals[name], name);
    for (const namespace of REFUSED_NAMESPACES) {
        const members = globals[namespace];
        if (typeof members !== 'object' || members === null)
            continue;
        for (const name of Object.getOwnPropertyNames(members)) {
            refuse(members[name], `${namespace}.${name}`);
        }
    }
    for (const candidate of REFUSED_CLASSES)
        refuse(candidate, candidate.name);
    for (const name of REFUSED_GLOBALS)
        refuse(globals[name], name);
    for (const [name, sample] of Object.entries(ASKED_GLOBALS)) {
        const candidate = globals[name];
        if (typeof candidate !== 'function')
            continue;
        try {
            structuredClone(sample(candidate));
        }
        catch {
            refuse(candidate, name);
        }
    }
    // A native object without a name, and yet what structured clone copies: as plain as its strings.
    refusals.set(Object.getPrototypeOf(process.env), PLAIN);
    refusals.delete(Object.prototype);
    for (const iterator of [[].values(), ''[Symbol.iterator](), ''.matchAll(/./g)]) {
        refusals.set(Object.getPrototypeOf(iterator), 'is an iterator, which cannot be sent. Collect its values in an array.');
    }
    return refusals;
}
const verdicts = new WeakMap();
/**
 * Judged once for each prototype. What an instance hides behind a prototype that is not its own is found by
 * `refusedKind`.
 */
function verdictOn(prototype) {
    let verdict = verdicts.get(prototype);
    if (verdict === undefined) {
        verdict = judge(prototype);
        verdicts.set(prototype, verdict);
    }
    return verdict;
}
function judge(prototype) {
    const refused = refusedPrototypes();
    const refuse = (refusal) => ({ refusal, isOrdinary: false });
    let isOrdinary = true;
    for (let at = prototype; at !== null; at = Object.getPrototypeOf(at)) {
        if (at === Object.prototype)
            break;
        if (node_util_1.types.isProxy(at))
            return refuse(exports.PROXY_REFUSAL);
        const known = refused.get(at);
        if (known !== undefined)
            return refuse(known);
        const constructor = Object.getOwnPropertyDescriptor(at, 'constructor')?.value;
        if (typeof constructor !== 'function')
            continue;
        const name = String(Object.getOwnPropertyDescriptor(constructor, 'name')?.value ?? '');
        // The file handle's class is exported nowhere.
        if (name === 'FileHandle' && Object.hasOwn(at, 'fd'))
            return refuse(called(name));
        if (!/\{\s*\[native code\]\s*\}$/.test(functionText.call(constructor)))
            continue;
        isOrdinary = false;
        if (constructor === globals[name])
            continue;
        // Written in native code and no class of the language, of this realm or, by its name, of another one:
        // an object of Node's core or of an addon, with something behind it that stays in this process.
        if (REFUSED_INTRINSICS.has(name))
            return refuse(called(name));
        if (!(name in globals))
            return refuse(called(name === '' ? 'native object' : name));
    }
    return { refusal: PLAIN, isOrdinary };
}
/** Why this object cannot be sent, whatever its prototype says, or '' if its own properties can. */
function refusedKind(value) {
    for (const [is, refusal] of REFUSED_KINDS) {
        if (is(value))
            return refusal;
    }
    const { isRawJSON } = JSON;
    if (isRawJSON?.(value) === true)
        return called('raw JSON value');
    return PLAIN;
}
//# sourceMappingURL=carriage.js.map