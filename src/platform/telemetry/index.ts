export { type MetricEntry, type MetricId, metricCatalogue, rejectReasons } from './catalogue.js';
export { createLogger, type LoggerOptions, type LogLevel, logLevels } from './logger.js';
export { createMetrics, type Metrics } from './metrics.js';
export { startTracing, type Tracing, type TracingOptions } from './tracing.js';
