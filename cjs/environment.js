"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.exchange = exchange;
const errors_js_1 = require("./errors.js");
const exchange_js_1 = require("./exchange.js");
const native_js_1 = require("./native.js");
const shared_js_1 = require("./shared.js");
/**
 * The exchange of this JavaScript environment, made on first use: importing the package loads no native code, so that
 * a program which never starts a worker pays nothing and works where addons are forbidden.
 *
 * @throws PlumpError `ERR_PLUMP_BINDING_MISSING`
 */
function exchange() {
    return (0, shared_js_1.once)('exchange', () => new exchange_js_1.Exchange(load()));
}
function load() {
    let binding;
    try {
        binding = (0, native_js_1.loadBinding)();
    }
    catch (error) {
        const what = areAddonsForbidden(error)
            ? "Node's permission model forbids the native part of plump-ipc to be loaded: run node with --allow-addons."
            : `The native part of plump-ipc for ${process.platform}-${process.arch} could not be loaded: install the package for this platform, or run \`npm run build\` in its repository.`;
        throw new errors_js_1.PlumpError('ERR_PLUMP_BINDING_MISSING', what, { cause: error });
    }
    binding.setDebug((process.env['NODE_DEBUG'] ?? '').split(',').includes('plump-ipc'));
    return binding;
}
/** The binding's loader tries several files; which of its errors is Node's own stands somewhere among the causes. */
function areAddonsForbidden(error) {
    for (let at = error; at instanceof Error; at = at.cause) {
        const { code } = at;
        if (code === 'ERR_DLOPEN_DISABLED' || code === 'ERR_ACCESS_DENIED')
            return true;
        // The loader makes new errors of those it got, without their codes.
        if (at.message.includes('loading addons is disabled'))
            return true;
    }
    return false;
}
//# sourceMappingURL=environment.js.map