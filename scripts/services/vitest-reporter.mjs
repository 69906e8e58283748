// A reporter that reports nothing: Vitest sets projects up one after the other, and tells reporters before that which
// files will run. So all servers of a run start side by side.
import { expectServices } from './index.mjs';

export default class ServiceReporter {
  onTestRunStart(specifications) {
    const projects = specifications.map(({ project }) => project);
    expectServices(new Set(projects.flatMap(({ config }) => config.provide.testServices ?? [])));
  }
}
