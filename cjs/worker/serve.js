"use strict";
// Runs commands for the host: takes calls from the exchange, lets up to `concurrency` handlers interleave, answers.
Object.defineProperty(exports, "__esModule", { value: true });
exports.Server = void 0;
// Imported: the global of that name is behind a getter, and each call reads the clock twice.
const node_perf_hooks_1 = require("node:perf_hooks");
const thrown_js_1 = require("../codec/thrown.js");
const errors_js_1 = require("../errors.js");
const codes_js_1 = require("../generated/codes.js");
const native_js_1 = require("../native.js");
/** Answers may wait for those of calls that take less than this, microseconds. */
const SHORT_US = 10;
/** Of short calls one in so many is timed: reading the clock twice costs as much as the shortest of them. */
const TIMED_ONE_IN = 8;
class Server {
    codec;
    spinUs;
    begun = 0;
    #exchange;
    #registry;
    #limits;
    #concurrency;
    #onDone;
    #commands = [];
    #waiting = [];
    #running = 0;
    #ending = false;
    #done = false;
    constructor(exchange, registry, options) {
        this.#exchange = exchange;
        this.#registry = registry;
        this.codec = options.codec;
        this.spinUs = options.spinUs;
        this.#limits = options.limits;
        this.#concurrency = options.concurrency;
        this.#onDone = options.onDone;
    }
    get busy() {
        return this.#running > 0;
    }
    /** Gives commands their numbers, in the order in which they are announced to the host. */
    announce(commands) {
        const names = [];
        for (const command of commands) {
            this.#commands.push({ command, averageUs: Number.POSITIVE_INFINITY, begun: 0 });
            names.push(command.name);
        }
        return names;
    }
    call(low, high, number, args, failed, next) {
        if (this.#ending) {
            this.#refuse(low, high, 'ERR_PLUMP_CLOSED', 'The worker was asked to end.');
        }
        else if (failed) {
            this.begun = (this.begun + 1) >>> 0;
            this.#thrown(low, high, args, 0, false);
        }
        else if (!Array.isArray(args)) {
            // Only a codec of the user's own can decode a list of arguments to something else.
            this.begun = (this.begun + 1) >>> 0;
            const error = new errors_js_1.PlumpSerializationError('ERR_PLUMP_CODEC', `The codec '${this.codec.name}' decoded a list of arguments to something that is no array.`);
            this.#thrown(low, high, error, 0, false);
        }
        else if (this.#running >= this.#concurrency || this.#waiting.length > 0) {
            this.#waiting.push({ low, high, number, args, cancelled: false });
        }
        else {
            this.#begin(low, high, number, args, next);
        }
    }
    cancel(low, high) {
        for (const call of this.#waiting)
            if (call.low === low && call.high === high)
                call.cancelled = true;
    }
    shutdown() {
        this.#ending = true;
        for (const { low, high } of this.#waiting.splice(0))
            this.#refuse(low, high, 'ERR_PLUMP_CLOSED', 'The worker was asked to end.');
        this.#finishIfDone();
    }
    #begin(low, high, number, args, next) {
        this.begun = (this.begun + 1) >>> 0;
        const numbered = this.#commands[number];
        if (numbered === undefined) {
            this.#refuse(low, high, 'ERR_PLUMP_UNKNOWN_COMMAND', '');
            return;
        }
        // Nothing that is answered may wait while something long runs.
        if (numbered.averageUs >= SHORT_US)
            this.#exchange.flushAnswers();
        const began = isTimed(numbered) ? node_perf_hooks_1.performance.now() : UNTIMED;
        let result;
        this.#running++;
        try {
            result = this.#registry.run(numbered.command, args);
            if (isThenable(result)) {
                this.#await(low, high, numbered, began, result);
                return;
            }
        }
        catch (error) {
            this.#running--;
            this.#thrown(low, high, error, runUs(numbered, began), this.#isShort(next));
            return;
        }
        this.#running--;
        this.#result(low, high, result, runUs(numbered, began), this.#isShort(next));
    }
    #await(low, high, numbered, began, result) {
        const fulfilled = (value) => {
            this.#running--;
            this.#result(low, high, value, runUs(numbered, began), this.#exchange.looksSoon);
            this.#goOn();
        };
        const rejected = (error) => {
            this.#running--;
            this.#thrown(low, high, error, runUs(numbered, began), this.#exchange.looksSoon);
            this.#goOn();
        };
        // Not `result.then(...)`: a thenable of the user's may call back twice.
        void Promise.resolve(result).then(fulfilled, rejected);
    }
    /** Begins what waits, after something has finished. */
    #goOn() {
        while (this.#waiting.length > 0 && this.#running < this.#concurrency) {
            const { low, high, number, args, cancelled } = this.#waiting.shift();
            if (cancelled) {
                this.begun = (this.begun + 1) >>> 0;
                this.#refuse(low, high, 'ERR_PLUMP_CALL_TIMEOUT', 'Nobody waited for it any more.');
            }
            else {
                this.#begin(low, high, number, args, -1);
            }
        }
        this.#finishIfDone();
    }
    #isShort(number) {
        return number >= 0 && (this.#commands[number]?.averageUs ?? SHORT_US) < SHORT_US;
    }
    #result(low, high, value, runUs, hold) {
        const exchange = this.#exchange;
        let out;
        try {
            if (isIterator(value))
                throw new errors_js_1.PlumpSerializationError('ERR_PLUMP_GENERATOR_RESULT', 'The handler returned a generator or iterator, which cannot be sent. Return an array, or broadcast the items.');
            out = exchange.encode(this.codec, value, 'result');
        }
        catch (error) {
            this.#thrown(low, high, error, runUs, hold);
            return;
        }
        exchange.answer(low, high, native_js_1.ANSWERED.result, runUs, out, hold);
    }
    #thrown(low, high, error, runUs, hold) {
        const exchange = this.#exchange;
        const out = exchange.outgoing();
        try {
            (0, thrown_js_1.encodeThrown)(error, out, this.codec, this.#limits);
        }
        catch (why) {
            out.position = out.start;
            (0, thrown_js_1.encodeThrown)(why, out, this.codec, this.#limits);
        }
        exchange.answer(low, high, native_js_1.ANSWERED.thrown, runUs, out, hold);
    }
    #refuse(low, high, code, detail) {
        const out = this.#exchange.outgoing();
        out.reserve(detail.length);
        out.position += out.bytes.write(detail, out.position, 'latin1');
        this.#exchange.answer(low, high, native_js_1.ANSWERED.refused, codes_js_1.codes[code].number, out, false);
    }
    #finishIfDone() {
        if (!this.#ending || this.#done || this.#running > 0)
            return;
        this.#done = true;
        // Not from inside a batch: calls that came with the shutdown are still to be refused.
        setImmediate(this.#onDone);
    }
}
exports.Server = Server;
/** The beginning of a call that is not timed. */
const UNTIMED = -1;
function isTimed(numbered) {
    return numbered.begun++ % TIMED_ONE_IN === 0 || numbered.averageUs >= SHORT_US;
}
function runUs(numbered, began) {
    if (began === UNTIMED)
        return numbered.averageUs;
    const us = (node_perf_hooks_1.performance.now() - began) * 1_000;
    numbered.averageUs =
        numbered.averageUs === Number.POSITIVE_INFINITY
            ? us
            : numbered.averageUs + (us - numbered.averageUs) / 8;
    return us < 0xffffffff ? us : 0xffffffff;
}
function isThenable(value) {
    return (typeof value === 'object' &&
        value !== null &&
        typeof value.then === 'function');
}
/** Generators and what behaves like them; arrays, maps and their like have no `next`. */
function isIterator(value) {
    return (typeof value === 'object' &&
        value !== null &&
        typeof value.next === 'function' &&
        (Symbol.iterator in value || Symbol.asyncIterator in value));
}
//# sourceMappingURL=serve.js.map