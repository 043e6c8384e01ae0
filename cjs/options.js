"use strict";
// Every option, once: name, type, range, default. Validation, its messages and the README's table are read off these
// lists; the interfaces below are the same for TypeScript.
Object.defineProperty(exports, "__esModule", { value: true });
exports.queueOptions = exports.closeOptions = exports.callOptions = exports.instanceOptions = void 0;
exports.checkOptions = checkOptions;
exports.rangeOf = rangeOf;
exports.isCodec = isCodec;
exports.shown = shown;
const node_path_1 = require("node:path");
const node_url_1 = require("node:url");
const node_util_1 = require("node:util");
const did_you_mean_js_1 = require("./did-you-mean.js");
const errors_js_1 = require("./errors.js");
const limits_js_1 = require("./generated/limits.js");
const MAX_MS = 2_147_483_647;
const GIB = 1024 ** 3;
const payload = [
    { name: 'maxPayloadBytes', type: 'integer', min: 1, max: 4 * GIB - 1, default: GIB },
    { name: 'maxDepth', type: 'integer', min: 1, max: 10_000, default: 1_000 },
];
exports.instanceOptions = [
    { name: 'name', type: 'string', default: "the module's file name" },
    {
        name: 'workers',
        type: 'integer',
        min: 1,
        max: limits_js_1.limits.maxWorkers,
        or: 'auto',
        default: 1,
    },
    { name: 'env', type: 'environment', default: {} },
    { name: 'cwd', type: 'path', default: "the host's" },
    { name: 'argv', type: 'strings', default: [] },
    { name: 'execArgv', type: 'strings', default: "the host's without `--inspect…`" },
    { name: 'execPath', type: 'path', default: '`process.execPath`' },
    { name: 'codec', type: 'codec', default: 'structured' },
    { name: 'codecModule', type: 'module', default: 'none' },
    { name: 'startTimeoutMs', type: 'milliseconds', min: 1, max: MAX_MS, default: 30_000 },
    { name: 'timeoutMs', type: 'milliseconds', min: 1, max: MAX_MS, default: 'no limit' },
    ...payload,
    { name: 'maxBlockBytes', type: 'integer', min: 0, max: 64 * GIB, default: GIB / 4 },
    { name: 'blockIdleMs', type: 'milliseconds', min: 1, max: MAX_MS, default: 1_000 },
    { name: 'trusted', type: 'boolean', default: false },
    { name: 'concurrency', type: 'integer', min: 1, max: 65_536, default: 16 },
    { name: 'channel', type: 'one of', values: ['auto', 'pipe', 'ring'], default: 'auto' },
    { name: 'maxQueue', type: 'integer', min: 1, max: 100_000_000, default: 1_000_000 },
    { name: 'maxQueueBytes', type: 'integer', min: 1_024, max: 1_024 * GIB, default: 2 * GIB },
    { name: 'spinUs', type: 'integer', min: 0, max: 1_000, default: 50 },
    { name: 'heartbeatMs', type: 'milliseconds', min: 10, max: MAX_MS, default: 1_000 },
    { name: 'heartbeatTimeoutMs', type: 'milliseconds', min: 0, max: MAX_MS, default: 30_000 },
];
exports.callOptions = [
    { name: 'timeoutMs', type: 'milliseconds', min: 1, max: MAX_MS, default: "the instance's" },
];
exports.closeOptions = [
    { name: 'graceMs', type: 'milliseconds', min: 0, max: MAX_MS, default: 5_000 },
];
exports.queueOptions = [
    { name: 'name', type: 'string', default: 'default' },
    {
        name: 'capacity',
        type: 'integer',
        min: 1,
        max: limits_js_1.limits.maxMailboxEvents,
        default: limits_js_1.limits.maxMailboxEvents,
    },
    { name: 'codec', type: 'codec', default: 'structured' },
    ...payload,
    { name: 'onError', type: 'function', default: 'a warning of the process' },
];
/**
 * The options that were given, checked: unknown names, wrong types and values out of range are refused; milliseconds
 * are rounded up to whole ones. `undefined` counts as not given.
 *
 * @throws PlumpError `ERR_PLUMP_INVALID_OPTION`, naming the option, its range and the value got.
 */
function checkOptions(given, rows, of) {
    if (given === undefined)
        return {};
    if (typeof given !== 'object' || given === null || Array.isArray(given))
        throw invalid(`${of} takes its options as an object, got ${shown(given)}.`);
    const checked = {};
    for (const [name, value] of Object.entries(given)) {
        const row = rows.find((row) => row.name === name);
        if (row === undefined) {
            const names = rows.map((row) => row.name);
            throw invalid(`${of} has no option ${shown(name)}.${(0, did_you_mean_js_1.didYouMean)(name, names)} It takes ${names.join(', ')}.`);
        }
        if (value !== undefined)
            checked[name] = checkOption(row, value);
    }
    return checked;
}
/** What an option takes, in words. */
function rangeOf(row) {
    switch (row.type) {
        case 'integer':
            return `an integer from ${grouped(row.min)} to ${grouped(row.max)}${row.or === undefined ? '' : ` or '${row.or}'`}`;
        case 'milliseconds':
            return `a number of milliseconds from ${grouped(row.min)} to ${grouped(row.max)}`;
        case 'string':
            return 'a string of 1 to 255 UTF-8 bytes without NUL';
        case 'strings':
            return 'an array of strings without NUL';
        case 'environment':
            return 'an object of strings without NUL (undefined removes a variable)';
        case 'path':
            return 'a path or a file: URL';
        case 'module':
            return 'an absolute path or a file: URL';
        case 'codec':
            return "'structured', 'json' or { name, encode, decode }";
        case 'function':
            return 'a function';
        case 'boolean':
            return 'true or false';
        case 'one of':
            return row.values.map((value) => `'${value}'`).join(' or ');
    }
}
function checkOption(row, value) {
    const refuse = () => {
        throw invalid(`${row.name} must be ${rangeOf(row)}, got ${shown(value)}.`);
    };
    switch (row.type) {
        case 'integer':
            if (row.or !== undefined && value === row.or)
                return value;
            return Number.isInteger(value) && within(row, value) ? value : refuse();
        case 'milliseconds':
            return Number.isFinite(value) && within(row, Math.ceil(value))
                ? Math.ceil(value)
                : refuse();
        case 'string':
            return isText(value) && value !== '' && Buffer.byteLength(value) <= 255 ? value : refuse();
        case 'strings':
            return Array.isArray(value) && value.every(isText) ? [...value] : refuse();
        case 'environment':
            return isEnvironment(value) ? { ...value } : refuse();
        case 'path':
            if (value instanceof URL && value.protocol === 'file:')
                return (0, node_url_1.fileURLToPath)(value);
            return isText(value) && value !== '' ? value : refuse();
        case 'module':
            return value instanceof URL || (isText(value) && (0, node_path_1.isAbsolute)(value)) ? value : refuse();
        case 'codec':
            return value === 'structured' || value === 'json' || isCodec(value) ? value : refuse();
        case 'function':
            return typeof value === 'function' ? value : refuse();
        case 'boolean':
            return typeof value === 'boolean' ? value : refuse();
        case 'one of':
            return row.values.includes(value) ? value : refuse();
    }
}
/** Whether it has the shape of a codec of the user's own. */
function isCodec(value) {
    const codec = value;
    return (typeof codec === 'object' &&
        codec !== null &&
        isText(codec.name) &&
        codec.name !== '' &&
        Buffer.byteLength(codec.name) <= 255 &&
        typeof codec.encode === 'function' &&
        typeof codec.decode === 'function');
}
/** A value as it may stand in a message: on one line, cut where it is long. */
function shown(value) {
    const text = (0, node_util_1.inspect)(value, {
        depth: 1,
        breakLength: Number.POSITIVE_INFINITY,
        maxStringLength: 80,
        maxArrayLength: 5,
    });
    return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
function within(row, value) {
    return value >= row.min && value <= row.max;
}
function isText(value) {
    return typeof value === 'string' && !value.includes('\0');
}
function isEnvironment(value) {
    return (typeof value === 'object' &&
        value !== null &&
        !Array.isArray(value) &&
        Object.entries(value).every(([name, text]) => isText(name) && name !== '' && !name.includes('=') && (text === undefined || isText(text))));
}
function grouped(value) {
    return value.toLocaleString('en-US');
}
function invalid(message) {
    return new errors_js_1.PlumpError('ERR_PLUMP_INVALID_OPTION', message);
}
//# sourceMappingURL=options.js.map