import serveRing from '../../workers/ring-loop.js';
import { registerBenchDevice } from './operations.js';

// The engine's own ring loop, which learns the bench's device type first.
registerBenchDevice();
export default serveRing;
