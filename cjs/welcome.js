"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
//# sourceMappingURL=welcome.js.map