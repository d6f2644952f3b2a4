/* The unfinished flow of the wizard: survives reload, Back and a closed tab. */
export interface FlowDraft {
  topic: string;
  name: string;
  table: string;
  freshness: string;
  onBadRecord: 'set_aside' | 'stop';
  owner: string;
  /* What the person typed themselves; the rest follows the topic. */
  touched: string[];
  savedAt: number;
}

const KEY = 'dmv.draft.flow';

export function loadDraft(): FlowDraft | null {
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? 'null') as FlowDraft | null;
    return stored && typeof stored.topic === 'string' && Array.isArray(stored.touched) ? stored : null;
  } catch {
    return null;
  }
}

export function saveDraft(draft: FlowDraft) {
  try {
    localStorage.setItem(KEY, JSON.stringify(draft));
  } catch {
    /* no storage: the draft lives as long as the page */
  }
}

export function dropDraft() {
  try {
    localStorage.removeItem(KEY);
  } catch {
    /* nothing to drop */
  }
}
