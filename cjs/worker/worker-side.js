"use strict";
// This process as a worker: the life of its link, from the handshake to the end.
Object.defineProperty(exports, "__esModule", { value: true });
exports.WorkerSide = void 0;
exports.workerSide = workerSide;
const bus_js_1 = require("../bus.js");
const codec_js_1 = require("../codec/codec.js");
const thrown_js_1 = require("../codec/thrown.js");
const environment_js_1 = require("../environment.js");
const errors_js_1 = require("../errors.js");
const failure_js_1 = require("../failure.js");
const limits_js_1 = require("../generated/limits.js");
const registry_js_1 = require("../registry.js");
const shared_js_1 = require("../shared.js");
const version_js_1 = require("../version.js");
const last_words_js_1 = require("./last-words.js");
const serve_js_1 = require("./serve.js");
class WorkerSide {
    #welcome;
    #exchange;
    #server;
    #codec;
    #state = 'none';
    /** Whether the module that this worker was started with is being loaded. */
    get loading() {
        return this.#state === 'loading';
    }
    useCodec(codec) {
        this.#codec = codec;
    }
    /**
     * Opens the link that this process was given and returns what the host says.
     *
     * @throws PlumpConnectionError `ERR_PLUMP_NOT_A_WORKER`, `ERR_PLUMP_INVALID_LINK`, `ERR_PLUMP_VERSION_MISMATCH`
     */
    open() {
        const link = (0, shared_js_1.takeLink)();
        if (link === undefined)
            throw new errors_js_1.PlumpConnectionError('ERR_PLUMP_NOT_A_WORKER', 'This process is not a worker: it was not started by start() or spawn(), nor with the stdio entries and the env of createLink().');
        const opened = (0, environment_js_1.exchange)();
        bus_js_1.plumpBus.open();
        try {
            this.#welcome = JSON.parse(opened.binding.linkOpen(link, version_js_1.version));
        }
        catch (error) {
            throw (0, failure_js_1.nativeError)(error);
        }
        this.#exchange = opened;
        this.#state = 'loading';
        (0, last_words_js_1.installLastWords)((cause) => {
            this.#state = 'over';
            opened.binding.linkLastWords(this.#encodeCause(opened, cause));
        }, () => (this.#state === 'none' ? 'over' : this.#state));
        return this.#welcome;
    }
    /** For a process that the user started: opens the link and serves what is registered. */
    run() {
        if (this.#state !== 'none')
            return;
        this.open();
        try {
            this.serve();
        }
        catch (error) {
            this.fail(error);
            throw error;
        }
    }
    /**
     * Announces the commands and begins to take calls.
     *
     * @throws PlumpSerializationError `ERR_PLUMP_CODEC_MISMATCH`
     */
    serve() {
        const { opened, welcome } = this.#linked();
        const server = new serve_js_1.Server(opened, registry_js_1.registry, {
            codec: this.#agreeOnCodec(welcome),
            limits: limitsOf(welcome),
            concurrency: welcome.concurrency,
            spinUs: welcome.spinUs,
            onDone: () => this.#end(opened),
        });
        this.#server = server;
        this.#state = 'serving';
        const names = server.announce(registry_js_1.registry.commands.values());
        registry_js_1.registry.onAdd = (command) => opened.binding.linkCommands(server.announce([command]));
        opened.binding.linkReady(names);
        opened.setWorker(server);
    }
    /** Tells the host why this worker can't serve. */
    fail(error) {
        const { opened } = this.#linked();
        this.#state = 'over';
        opened.binding.linkFailed(this.#encodeCause(opened, error));
    }
    /** Ends this worker after what has begun. */
    stop() {
        // Not at once by itself: calls that the host has sent and this process not yet seen would be lost.
        if (this.#server !== undefined && this.#state === 'serving')
            this.#exchange?.binding.linkLeave();
    }
    #linked() {
        const opened = this.#exchange;
        const welcome = this.#welcome;
        if (opened === undefined || welcome === undefined)
            throw new errors_js_1.PlumpConnectionError('ERR_PLUMP_NOT_A_WORKER');
        return { opened, welcome };
    }
    #agreeOnCodec(welcome) {
        const builtIn = welcome.codec === 'structured' || welcome.codec === 'json' ? welcome.codec : undefined;
        const name = this.#codec?.name ?? builtIn;
        if (name !== welcome.codec)
            throw new errors_js_1.PlumpSerializationError('ERR_PLUMP_CODEC_MISMATCH', `The host uses the codec '${welcome.codec}', this worker ${name === undefined ? 'does not know it' : `'${name}'`}. Give the worker the codec through plump.useCodec(codec) in its module, or the host the option codecModule.`);
        return (0, codec_js_1.resolveCodec)(this.#codec ?? builtIn ?? 'structured', limitsOf(welcome));
    }
    #end(opened) {
        this.#state = 'over';
        opened.flush();
        opened.binding.linkEnd();
        opened.setWorker(undefined);
        // What the module still holds open (timers, servers) would keep a worker alive for which nobody is there any more.
        process.exit(0);
    }
    /** Encodes an error for a native function that takes it as one piece; returns its length. */
    /** The bytes of an error at the beginning of the outgoing buffer, how many there are. What was held back is sent before. */
    #encodeCause(opened, cause) {
        opened.flush();
        let out = this.#tryToEncode(opened, cause);
        if (out === undefined || out.segments.length > 0 || out.position > limits_js_1.limits.maxCauseBytes) {
            // Too large, or with parts that do not come along: what it says is worth more than what it carries.
            const { name, message, stack } = describe(cause);
            const plain = new Error(message);
            plain.name = name;
            if (stack !== undefined)
                plain.stack = stack;
            out = this.#tryToEncode(opened, plain);
        }
        if (out === undefined)
            return 0;
        opened.attach(out);
        return out.position;
    }
    #tryToEncode(opened, cause) {
        const welcome = this.#welcome;
        const codecLimits = welcome === undefined ? undefined : limitsOf(welcome);
        // The host may not have this worker's codec: that may be what there is to tell.
        const codec = (0, codec_js_1.resolveCodec)('structured', codecLimits);
        const out = opened.outgoing();
        try {
            (0, thrown_js_1.encodeThrown)(cause, out, codec, codecLimits);
            return out;
        }
        catch {
            return undefined;
        }
    }
}
exports.WorkerSide = WorkerSide;
/** This process as a worker. */
function workerSide() {
    return (0, shared_js_1.once)('worker', () => new WorkerSide());
}
function limitsOf(welcome) {
    return { maxDepth: welcome.maxDepth, maxPayloadBytes: welcome.maxPayloadBytes };
}
const DESCRIPTION_LETTERS = 16 * 1024;
function describe(cause) {
    try {
        const { name, message, stack } = cause;
        return {
            name: String(name ?? 'Error').slice(0, 256),
            message: String(message ?? cause).slice(0, DESCRIPTION_LETTERS),
            stack: stack === undefined ? undefined : String(stack).slice(0, DESCRIPTION_LETTERS),
        };
    }
    catch {
        return {
            name: 'Error',
            message: 'Something was thrown that has no description.',
            stack: undefined,
        };
    }
}
//# sourceMappingURL=worker-side.js.map