/* Score of query as a subsequence of text; higher is better, null is no match. Runs, word starts and short names win. */
export function fuzzyScore(query: string, text: string): number | null {
  const want = query.toLowerCase().replace(/\s+/g, '');
  const have = text.toLowerCase();
  if (want === '') return 0;
  let score = 0;
  let at = -1;
  let run = 0;
  for (const letter of want) {
    const next = have.indexOf(letter, at + 1);
    if (next < 0) return null;
    run = next === at + 1 ? run + 1 : 0;
    const wordStart = next === 0 || /[^a-z0-9]/.test(have[next - 1]!);
    score += 1 + run * 2 + (wordStart ? 3 : 0);
    at = next;
  }
  if (have.includes(want)) score += 10;
  return score - have.length / 100;
}
