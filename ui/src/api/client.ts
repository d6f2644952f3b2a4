import createClient from 'openapi-fetch';
import { useSyncExternalStore } from 'react';
import type { components, paths } from './schema';

export type Schemas = components['schemas'];
export type Topic = Schemas['Topic'];
export type TopicDetail = Schemas['TopicDetail'];
export type SampleEvent = Schemas['SampleEvent'];
export type Flow = Schemas['Flow'];
export type FlowSpec = Schemas['FlowSpec'];
export type FlowSummary = Schemas['FlowSummary'];
export type FlowStatus = Schemas['FlowStatus'];
export type Plan = Schemas['Plan'];
export type FieldError = Schemas['FieldError'];
export type Problem = Schemas['Problem'];
export type RowSet = Schemas['RowSet'];
export type SqlAnswer = Schemas['SqlAnswer'];
export type TableSummary = Schemas['TableSummary'];
export type TableDetail = Schemas['TableDetail'];
export type Info = Schemas['Info'];

/* A fault the API put into words. */
export class ApiError extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

/* No answer at all: the admin role is away. */
export class Unreachable extends Error {
  constructor() {
    super('The highway does not answer.');
  }
}

/* Whether the API answers, as seen by the last request of any page. */
let lostSince: number | null = null;
const listeners = new Set<() => void>();
function setLost(lost: boolean) {
  if (lost === (lostSince !== null)) return;
  lostSince = lost ? Date.now() : null;
  for (const listener of listeners) listener();
}
export function useLostSince(): number | null {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    () => lostSince,
  );
}

async function watchedFetch(request: Request): Promise<Response> {
  try {
    const answer = await fetch(request);
    setLost(false);
    return answer;
  } catch (error) {
    if (request.signal.aborted) throw error;
    setLost(true);
    throw new Unreachable();
  }
}

export const api = createClient<paths>({ baseUrl: location.origin, fetch: watchedFetch });

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

function asProblem(error: unknown, response: Response): Problem {
  if (typeof error === 'object' && error !== null && 'detail' in error) return error as Problem;
  return {
    type: 'about:blank',
    title: response.statusText,
    status: response.status,
    code: 'internal',
    detail: `The highway answered ${response.status} ${response.statusText} without saying why.`,
  };
}

export async function unwrap<T>(answer: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await answer;
  if (!response.ok) throw new ApiError(asProblem(error, response));
  return data as T;
}

export function problemOf(error: unknown): Problem {
  if (error instanceof ApiError) return error.problem;
  const lost = error instanceof Unreachable;
  return {
    type: 'about:blank',
    title: lost ? 'No connection' : 'Unexpected',
    status: 0,
    code: lost ? 'unreachable' : 'internal',
    detail: error instanceof Error ? error.message : String(error),
    hint: lost ? 'See whether `highway up` still runs on that machine; this page goes on by itself when it does.' : undefined,
    retryable: lost,
  };
}
