"use strict";
// One started instance as the host sees it: its workers' life, the names of its commands, who waits for it.
var __importDefault = (this && this.__importDefault) || function (mod) {
    return (mod && mod.__esModule) ? mod : { "default": mod };
};
Object.defineProperty(exports, "__esModule", { value: true });
exports.Pool = void 0;
exports.depthEnvironment = depthEnvironment;
const node_path_1 = require("node:path");
const node_url_1 = require("node:url");
const package_root_cjs_1 = __importDefault(require("../package-root.cjs"));
const codec_js_1 = require("./codec/codec.js");
const command_names_js_1 = require("./command-names.js");
const did_you_mean_js_1 = require("./did-you-mean.js");
const errors_js_1 = require("./errors.js");
const exec_argv_js_1 = require("./exec-argv.js");
const failure_js_1 = require("./failure.js");
const codes_js_1 = require("./generated/codes.js");
const limits_js_1 = require("./generated/limits.js");
const module_url_js_1 = require("./module-url.js");
const native_js_1 = require("./native.js");
const rejected_js_1 = require("./rejected.js");
const version_js_1 = require("./version.js");
/** How many levels of workers that start workers there may be. */
const MAX_DEPTH = 8;
const DEPTH = 'PLUMP_IPC_DEPTH';
/** Calls in flight with which a worker has enough to do until a few more have been made. */
const ENOUGH_PER_WORKER = 8;
class Pool {
    id;
    exchange;
    codec;
    spinUs;
    inFlight = 0;
    enough;
    /** Whether its calls keep the event loop alive. */
    refed = true;
    #numbers = new Map();
    /** Names that the workers have announced. */
    #commands = new Set();
    #readiness = { is: 'starting' };
    #waitForReady = [];
    #waitForClosed = [];
    #closing;
    /**
     * Begins to start the workers; `module` is undefined for processes that the user starts.
     *
     * @throws PlumpError `ERR_PLUMP_TOO_MANY_WORKERS`, `ERR_PLUMP_NESTING_TOO_DEEP`
     */
    constructor(exchange, module, options) {
        this.exchange = exchange;
        this.codec = (0, codec_js_1.resolveCodec)(options.codec ?? 'structured', payloadLimits(options));
        this.spinUs = options.spinUs ?? 50;
        const workers = module === undefined ? 0 : (options.workers ?? 1);
        const native = nativeOptions(module, options, workers === 'auto' ? Math.min(exchange.binding.availableCpus(), limits_js_1.limits.maxWorkers) : workers, this.codec);
        try {
            this.id = exchange.binding.poolOpen(JSON.stringify(native));
        }
        catch (error) {
            throw (0, failure_js_1.nativeError)(error);
        }
        // A worker's fair share of a burst; who has started no workers does not know how many there are.
        this.enough =
            native.workers === 0 ? Number.POSITIVE_INFINITY : ENOUGH_PER_WORKER * native.workers;
        exchange.addOwner(this.id, this);
    }
    /**
     * The number of a command.
     *
     * @throws PlumpError `ERR_PLUMP_INVALID_COMMAND_NAME`
     */
    numberOf(name) {
        return this.#numbers.get(name) ?? this.#learn(name);
    }
    #learn(name) {
        (0, command_names_js_1.checkCommandName)(name);
        if (this.#closing !== undefined)
            throw new errors_js_1.PlumpConnectionError('ERR_PLUMP_CLOSED');
        if (this.#numbers.size >= limits_js_1.limits.maxCommands)
            this.#numbers.clear();
        let number;
        try {
            number = this.exchange.binding.commandNumber(this.id, name);
        }
        catch (error) {
            throw (0, failure_js_1.nativeError)(error);
        }
        if (number === native_js_1.NO_COMMAND)
            throw this.#unknown(name);
        this.#numbers.set(name, number);
        return number;
    }
    /**
     * Called for each call that is made: the first one after a failed start begins a new attempt.
     *
     * @throws PlumpConnectionError `ERR_PLUMP_CLOSED`
     */
    used() {
        if (this.#closing !== undefined)
            throw new errors_js_1.PlumpConnectionError('ERR_PLUMP_CLOSED');
        if (this.#readiness.is === 'failed')
            this.#readiness = { is: 'starting' };
    }
    /** Resolves when the first worker is ready; rejects with why it did not get so. */
    ready() {
        switch (this.#readiness.is) {
            case 'ready':
                return Promise.resolve();
            case 'failed':
                return Promise.reject(this.#readiness.error);
            case 'closed':
                return Promise.reject(new errors_js_1.PlumpConnectionError('ERR_PLUMP_CLOSED'));
            case 'starting':
                return new Promise((resolve) => {
                    this.#waitForReady.push({ resolve });
                    this.exchange.reconsider();
                });
        }
    }
    close(graceMs) {
        if (this.#closing === undefined) {
            this.#closing = new Promise((resolve) => {
                this.#waitForClosed.push({ resolve });
            });
            this.exchange.flush();
            this.exchange.binding.poolClose(this.id, graceMs);
            this.exchange.reconsider();
        }
        return this.#closing;
    }
    /** Whether every worker is gone and none will come. */
    get closed() {
        return this.#readiness.is === 'closed';
    }
    createLink() {
        try {
            return this.exchange.binding.poolLink(this.id);
        }
        catch (error) {
            throw (0, failure_js_1.nativeError)(error);
        }
    }
    holds() {
        return ((this.refed && (this.inFlight > 0 || this.#waitForReady.length > 0)) ||
            this.#waitForClosed.length > 0);
    }
    failure(entry, command) {
        if (isUnknownCommand(entry))
            this.#learnCommands();
        const error = (0, failure_js_1.failureError)({ facts: { command, ...entry.facts }, cause: entry.cause }, isUnknownCommand(entry) ? (0, did_you_mean_js_1.didYouMean)(command, this.#commands) : '');
        // Names that turned out to be none must not pile up here.
        if (isUnknownCommand(entry))
            this.#numbers.delete(command);
        return error;
    }
    #unknown(name) {
        const message = `The worker has no command '${name}'.`;
        const facts = { kind: codes_js_1.codes.ERR_PLUMP_UNKNOWN_COMMAND.number, message };
        return this.failure({ facts, cause: undefined }, name);
    }
    /** A program that only blocks takes in no events, so it has not been told which commands there are. */
    #learnCommands() {
        if (this.#commands.size > 0 || this.closed)
            return;
        const stats = JSON.parse(this.exchange.binding.poolStats(this.id));
        for (const name of stats.commands)
            this.#commands.add(name);
    }
    onEvent(event, cause) {
        switch (event.event) {
            case 'ready':
                for (const name of event.commands)
                    this.#commands.add(name);
                this.#become({ is: 'ready' });
                break;
            case 'commands':
                for (const name of event.commands)
                    this.#commands.add(name);
                break;
            case 'failed':
                this.#become({ is: 'failed', error: (0, failure_js_1.failureError)({ facts: event, cause }) });
                break;
            case 'exit':
                break;
            case 'closed':
                this.#become({ is: 'closed' });
                for (const { resolve } of this.#waitForClosed.splice(0))
                    resolve();
                this.exchange.removeOwner(this.id);
                break;
        }
    }
    #become(readiness) {
        if (this.#readiness.is === 'closed')
            return;
        this.#readiness = readiness;
        if (readiness.is === 'starting')
            return;
        for (const { resolve } of this.#waitForReady.splice(0)) {
            if (readiness.is === 'ready')
                resolve();
            else if (readiness.is === 'failed')
                resolve((0, rejected_js_1.rejected)(readiness.error));
            else
                resolve((0, rejected_js_1.rejected)(new errors_js_1.PlumpConnectionError('ERR_PLUMP_CLOSED')));
        }
    }
}
exports.Pool = Pool;
function isUnknownCommand({ facts }) {
    return facts.kind === UNKNOWN_COMMAND;
}
const UNKNOWN_COMMAND = codes_js_1.codes.ERR_PLUMP_UNKNOWN_COMMAND.number;
function payloadLimits(options) {
    return {
        maxDepth: options.maxDepth ?? 1_000,
        maxPayloadBytes: options.maxPayloadBytes ?? 1024 ** 3,
    };
}
function nativeOptions(module, options, workers, codec) {
    const welcome = {
        module,
        codec: codec.name,
        codecModule: options.codecModule === undefined ? undefined : (0, module_url_js_1.moduleUrl)(options.codecModule, 'codecModule'),
        concurrency: options.concurrency ?? 16,
        spinUs: options.spinUs ?? 50,
        ...payloadLimits(options),
    };
    return {
        program: options.execPath ?? process.execPath,
        args: [
            ...(options.execArgv ?? (0, exec_argv_js_1.inheritedExecArgv)(process.execArgv)),
            // The ESM build also when the host has loaded the CommonJS one: only `import` loads every kind of module.
            (0, node_path_1.join)(package_root_cjs_1.default, 'dist/worker/main.js'),
            ...(options.argv ?? []),
        ],
        env: environmentOf(options),
        cwd: options.cwd ?? null,
        name: options.name ?? nameOf(module),
        workers,
        channel: options.channel ?? 'auto',
        concurrency: welcome.concurrency,
        startTimeoutMs: options.startTimeoutMs ?? 30_000,
        heartbeatMs: options.heartbeatMs ?? 1_000,
        heartbeatTimeoutMs: options.heartbeatTimeoutMs ?? 30_000,
        maxPayloadBytes: welcome.maxPayloadBytes,
        maxBlockBytes: options.maxBlockBytes ?? 256 * 1024 ** 2,
        blockIdleMs: options.blockIdleMs ?? 1_000,
        trusted: options.trusted ?? false,
        maxQueue: options.maxQueue ?? 1_000_000,
        maxQueueBytes: options.maxQueueBytes ?? 2 * 1024 ** 3,
        spinUs: welcome.spinUs,
        version: version_js_1.version,
        welcome: JSON.stringify(welcome),
    };
}
/** @throws PlumpError `ERR_PLUMP_NESTING_TOO_DEEP` */
function environmentOf(options) {
    const given = options.env ?? {};
    const merged = { ...process.env, ...given };
    if (!('NODE_OPTIONS' in given) && merged['NODE_OPTIONS'] !== undefined)
        merged['NODE_OPTIONS'] = (0, exec_argv_js_1.inheritedNodeOptions)(merged['NODE_OPTIONS']);
    merged[DEPTH] = String(nextDepth());
    return Object.entries(merged).filter((pair) => pair[1] !== undefined);
}
/** The variables that a worker of this process needs beside the link's. */
function depthEnvironment() {
    return { [DEPTH]: String(nextDepth()) };
}
function nextDepth() {
    const depth = Number.parseInt(process.env[DEPTH] ?? '0', 10) + 1;
    if (depth > MAX_DEPTH)
        throw new errors_js_1.PlumpError('ERR_PLUMP_NESTING_TOO_DEEP', `Workers may start workers ${MAX_DEPTH} levels deep at most. Is this a worker that starts itself? Guard host code with \`if (!isWorker)\`.`);
    return depth;
}
function nameOf(module) {
    if (module === undefined)
        return 'links';
    if (!module.startsWith('file:'))
        return 'data';
    return (0, node_path_1.basename)((0, node_url_1.fileURLToPath)(module)).slice(0, 100);
}
//# sourceMappingURL=pool.js.map