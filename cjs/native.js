"use strict";
// The one importer of native/: what the Rust half offers to this JavaScript environment, and the words through which
// both halves speak on the hot path.
//
// A napi call whose arguments are converted costs some 240 ns, one without arguments 20. So the functions of the hot
// path take none: JavaScript writes numbers into `words`, bytes into `outgoing`, and calls; Rust answers in `words`
// and `incoming`. All three are memory that JavaScript made, so V8 never sees memory that another process can write.
var __importDefault = (this && this.__importDefault) || function (mod) {
    return (mod && mod.__esModule) ? mod : { "default": mod };
};
Object.defineProperty(exports, "__esModule", { value: true });
exports.NO_COMMAND = exports.STATUS = exports.ANSWERED = exports.KIND = exports.LARGE = exports.ENTRY = exports.ANSWER = exports.CALL = exports.WORDS = exports.MAX_RECORDS = exports.WORD = void 0;
exports.loadBinding = loadBinding;
const node_module_1 = require("node:module");
const node_path_1 = require("node:path");
const package_root_cjs_1 = __importDefault(require("../package-root.cjs"));
/** Indexes into `words` (a `Uint32Array`). Input words are read by Rust during the call that is named, output words are written by it. */
exports.WORD = {
    /** in `publish`, `take`, `poll`: id of the queue, from `busOpen`. */
    queue: 0,
    /** in `publish`: how many bytes of `outgoing` make the payload, from WORD.offset on. */
    length: 1,
    /** in `take`, `poll`: milliseconds to wait, 0 = only look, 0xffffffff = for ever. */
    waitMs: 2,
    /** in `drain`: microseconds that Rust may watch for something to come before it goes to sleep; 0 = only look, and stay awake; 0xffffffff = go to sleep at once if there is nothing. */
    watchUs: 3,
    /** in `drain`, `tellBegun`: how many calls this worker has begun since it opened its link, modulo 2^32. */
    begun: 4,
    /** in `hold`: 1 = the event loop must go on. */
    alive: 5,
    /** in `submit`, `answer`: how many records there are, from 1 to MAX_RECORDS; with segments 1. */
    records: 6,
    /** in `wait`: the call's id, low and high half. */
    callLow: 7,
    callHigh: 8,
    /** in `publish`: where the payload begins in `outgoing`. */
    offset: 9,
    /** out of `wait`, `take`, `poll`, `publish`: 0 = done; an error kind's number; or STATUS.again, STATUS.timeout. */
    status: 16,
    /** out of `drain`, `wait`, `take`: how many entries of the table are filled. */
    count: 17,
    /** out of `drain`: 1 = more waits, call again; the table or `incoming` was full. */
    more: 18,
    /**
     * out of `drain`: 1 = Rust has gone to sleep and will call `wake` when something comes, entries or not; 0 = it watches as
     * long as JavaScript keeps calling `drain`. Out of `submit`: 1 = it sleeps still, and will wake JavaScript for the answers.
     */
    asleep: 19,
    /** out of `drain`: how many calls of this environment are in flight (queued or with a worker). */
    inFlight: 20,
    /** where the table of entries begins, 1,000 of ENTRY.words words each. */
    table: 64,
    /** where the records of calls begin, MAX_RECORDS of CALL.words words each. */
    calls: 64 + 1000 * 8,
    /** where the records of answers begin, MAX_RECORDS of ANSWER.words words each. */
    answers: 64 + 1000 * 8 + 64 * 16,
};
/** How many calls or answers one native call takes at most. */
exports.MAX_RECORDS = 64;
/** How many words `words` has. */
exports.WORDS = exports.WORD.answers + exports.MAX_RECORDS * 8;
/** Layout of the record of one call. */
exports.CALL = {
    words: 16,
    /** Id of the pool. */
    pool: 0,
    /** Number of the command, from `commandNumber`. */
    command: 1,
    /** JavaScript's own number for it: its outcome is handed out under it. */
    token: 2,
    /** Where its payload begins in `outgoing`, and how many bytes it has there; segments follow them. */
    offset: 3,
    length: 4,
    /** 1 when `wait` follows: the answer is then handed out by `wait` alone, never by `drain`. */
    blocking: 5,
    /** Milliseconds until it times out, 0 for never (at most 2^32 - 1). */
    timeoutMs: 6,
    /** out: 0 = made, or an error kind's number. */
    status: 13,
    /** out: its id, low and high half. */
    low: 14,
    high: 15,
};
/** Layout of the record of one answer. */
exports.ANSWER = {
    words: 8,
    /** The call's id. */
    low: 0,
    high: 1,
    /** One of ANSWERED. */
    kind: 2,
    /** Microseconds the handler ran; for ANSWERED.refused: number of the error kind. */
    runUs: 3,
    /** Where its payload begins in `outgoing`, and how many bytes it has there; segments follow them. */
    offset: 4,
    length: 5,
};
/** Layout of one entry of the table. */
exports.ENTRY = {
    words: 8,
    /** One of KIND. */
    kind: 0,
    /** settled: the call's token. call: low half of the call's id. event: id of the queue. pool: id of the pool. */
    id: 1,
    /** Where its bytes begin in `incoming`, or LARGE: get them by `takeLarge(word 7)`. */
    offset: 2,
    /** How many bytes. */
    length: 3,
    /** settled: microseconds it ran. call: the command's number (index into what `linkReady`/`linkCommands` announced). */
    a: 4,
    /** call: high half of the call's id. */
    b: 5,
    /** call: milliseconds left of its deadline, 0 = none. */
    c: 6,
    /** token of large bytes. */
    token: 7,
};
/** In ENTRY.offset: the bytes are too many for `incoming`. */
exports.LARGE = 0xffffffff;
/** Kinds of entries. */
exports.KIND = {
    /** host: the handler's result, in the instance's codec. */
    result: 1,
    /** host: what the handler threw, in the built-in form. */
    thrown: 2,
    /** host: a failure that Rust decided; see Failure. */
    failed: 3,
    /** worker: run a command. */
    call: 4,
    /** worker: the call with this id is no longer waited for. Its handler may have begun. */
    cancel: 5,
    /** both: an event of the bus for a queue that listens. */
    event: 6,
    /** host: something happened to a pool; see PoolEvent (JSON). */
    pool: 7,
    /** worker: finish what has begun, begin nothing new, then call `linkEnd`. */
    shutdown: 8,
};
/** In ANSWER.kind. */
exports.ANSWERED = { result: 2, thrown: 3, refused: 6 };
/** In WORD.status, beside the numbers of error kinds. */
exports.STATUS = {
    /** `wait`, `take`, `poll`: nothing yet; call again. Comes every 100 ms or so, so that a thread that is being terminated ends. */
    again: 0x10000,
    /** `take`, `poll`: the time is over. */
    timeout: 0x10001,
};
/** The number of every name that no worker has, once a worker has said which names there are. */
exports.NO_COMMAND = 0xffffffff;
/** Loads the binding of this platform. Throws what `native/binding.js` throws; src/environment.ts words it. */
function loadBinding() {
    const require = (0, node_module_1.createRequire)((0, node_path_1.join)(package_root_cjs_1.default, 'package.json'));
    return require('./native/binding.js');
}
//# sourceMappingURL=native.js.map