export {
  defineMetrics,
  type HistogramSample,
  type MetricDefinition,
  type MetricDefinitions,
  type MetricKind,
  type ReadMetrics,
  type Sample,
} from './definition.js';
export { type CounterOf, type HistogramOf, type MetricPart, Metrics } from './metrics.js';
