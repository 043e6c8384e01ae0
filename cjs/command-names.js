"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.checkCommandName = checkCommandName;
const errors_js_1 = require("./errors.js");
const limits_js_1 = require("./generated/limits.js");
const options_js_1 = require("./options.js");
/**
 * Refuses what can't be the name of a command.
 *
 * @throws PlumpError `ERR_PLUMP_INVALID_COMMAND_NAME`
 */
function checkCommandName(name) {
    if (typeof name !== 'string')
        throw invalid(`A command name must be a string, got ${(0, options_js_1.shown)(name)}.`);
    if (name === '')
        throw invalid('A command name must not be empty.');
    // Counting the bytes of a name of megabytes is pointless when its letters are already too many.
    if (name.length > limits_js_1.limits.maxCommandNameBytes ||
        Buffer.byteLength(name) > limits_js_1.limits.maxCommandNameBytes)
        throw invalid(`A command name must have at most ${limits_js_1.limits.maxCommandNameBytes} UTF-8 bytes, got ${name.length} characters: ${(0, options_js_1.shown)(name)}.`);
}
function invalid(message) {
    return new errors_js_1.PlumpError('ERR_PLUMP_INVALID_COMMAND_NAME', message);
}
//# sourceMappingURL=command-names.js.map