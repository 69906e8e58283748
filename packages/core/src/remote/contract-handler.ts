/**
 * The worker's half of a contract. What travels is what a sender passes, so the receiver parses it: the input is parsed
 * here, the output is only checked here and parsed where the workflow runs. Each schema transforms a value once.
 */
import { InvalidArgumentError } from '../errors/errors.js';
import type { StepHandler } from '../transport/transport.js';
import type { StepDefinition } from '../workflow/definition.js';
import { parseWithSchema } from '../workflow/schema.js';

/**
 * Makes a step that has a contract servable by a transport.
 *
 * `invoke` rejects with `SchemaValidationError`: of side `input` before the step's function has been called (fatal: no
 * attempt can mend it), of side `output` when what it returned does not fit (an ordinary failure of the attempt).
 *
 * @throws InvalidArgumentError if the definition has no contract
 */
export function contractHandler(definition: StepDefinition): StepHandler {
  const { contract, invoke, source } = definition;
  if (contract === undefined) {
    const todo = `${source} can only be called with ctx.step. Give @DurableStep a contract made by remoteStep().`;
    throw new InvalidArgumentError({ field: 'contract', received: contract, todo });
  }
  const name = `remote step '${contract.name}'`;
  return {
    name: contract.name,
    invoke: async (input, step) => {
      const parsed = await parseWithSchema(contract.input, input, { side: 'input', name });
      const output = await invoke(parsed as never, step);
      await parseWithSchema(contract.output, output, { side: 'output', name });
      return output;
    },
  };
}
