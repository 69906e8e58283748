/** Payloads from outside are parsed by the schema of the operation that waits for them before the code sees them. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Codec } from '../codec/codec.js';
import type { CheckedResult } from '../decide/arrivals.js';
import { SchemaValidationError, toSchemaIssues } from '../errors/errors.js';
import type { RemoteResult } from '../model/message.js';
import type { Operation } from '../replay/operation.js';

export type CheckedPayload = CheckedResult;

interface Subject {
  readonly side: 'input' | 'output';
  readonly name: string;
}

/** Parses the output of a remote attempt; null if nothing waits for it. */
export function checkRemoteResult(
  operation: Operation | undefined,
  result: RemoteResult,
  codec: Codec,
): CheckedPayload | Promise<CheckedPayload> {
  const { ok, payload } = result;
  if (!ok) return { ok, payload, error: decodeFailure(payload, codec) };
  if (operation?.request.kind !== 'remote') return { ok, payload, error: null };
  const subject = { side: 'output', name: `remote step '${operation.name}'` } as const;
  return parse(operation.request.output, payload, subject, codec);
}

/** Parses the payload of a signal by the wait's schema, if it has one; null if nothing waits for it. */
export function checkSignal(
  operation: Operation | undefined,
  { payload, token }: { readonly payload: string; readonly token: string },
  codec: Codec,
): CheckedPayload | null | Promise<CheckedPayload> {
  if (operation?.request.kind !== 'signal') return null;
  const { schema } = operation.request;
  if (schema === null) return { ok: true, payload, error: null };
  return parse(schema, payload, { side: 'input', name: `signal '${token}'` }, codec);
}

function parse(
  schema: StandardSchemaV1<unknown, unknown>,
  payload: string,
  subject: Subject,
  codec: Codec,
): CheckedPayload | Promise<CheckedPayload> {
  const failed = (error: unknown): CheckedPayload => ({
    ok: false,
    payload: codec.encodeError(error),
    error,
  });
  const judge = (result: StandardSchemaV1.Result<unknown>): CheckedPayload => {
    if (result.issues !== undefined) {
      return failed(
        new SchemaValidationError({ ...subject, issues: toSchemaIssues(result.issues) }),
      );
    }
    return {
      ok: true,
      payload: codec.encode(result.value, `parsed ${subject.side} of ${subject.name}`),
      error: null,
    };
  };
  try {
    const result = schema['~standard'].validate(codec.decode(payload));
    return result instanceof Promise ? result.then(judge).catch(failed) : judge(result);
  } catch (error) {
    return failed(error);
  }
}

function decodeFailure(payload: string, codec: Codec): unknown {
  try {
    return codec.decodeError(payload);
  } catch (error) {
    return error;
  }
}
