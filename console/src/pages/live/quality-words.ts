/** Thresholds of the E-model's user satisfaction (ITU-T G.107 Annex B): 4.0 satisfied, 3.6 some are not. */
export const judged = (mos: number): 'good' | 'warn' | 'bad' => (mos >= 4 ? 'good' : mos >= 3.6 ? 'warn' : 'bad');

const words = { good: 'good', warn: 'fair', bad: 'poor' } as const;

/** How a call sounds, for those who see no colours and know no MOS. */
export const soundWord = (mos: number): string => words[judged(mos)];
