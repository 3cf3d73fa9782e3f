export { type Budget, createBudget, evaluationLimitMs } from './budget.js';
export { compileExpression, compileMapping, type Expression } from './evaluate.js';
export { maxExpressionLength } from './parser.js';
export { JmesPathError, type JmesPathErrorKind } from './syntax.js';
