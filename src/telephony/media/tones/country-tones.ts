/**
 * Supervisory tones by country, as the ITU collects them: "Various tones used in national networks" (according to ITU-T
 * Recommendation E.180, Operational Bulletin annex and E.180 supplement 2). A caller takes a tone of another country for
 * a fault, so the tone follows the country of the profile.
 *
 * A cadence is a list of `frequencies/milliseconds`, repeated for ever: `440+480` sounds both, `400*25` modulates the
 * first by the second, `0` is silence.
 */
export type CountryTones = { readonly ringback: string; readonly busy: string; readonly congestion: string };

const tones = (ringback: string, busy: string, congestion: string): CountryTones => ({ ringback, busy, congestion });

const northAmerica = tones('440+480/2000,0/4000', '480+620/500,0/500', '480+620/250,0/250');
const unitedKingdom = tones('400+450/400,0/200,400+450/400,0/2000', '400/375,0/375', '400/400,0/350,400/225,0/525');

/** What E.180 recommends to those who choose anew: 425 Hz, and most of the world has it. */
export const recommendedTones = tones('425/1000,0/4000', '425/500,0/500', '425/250,0/250');

/** By ISO 3166 code. */
export const countryTones: Readonly<Record<string, CountryTones>> = {
  AG: northAmerica,
  AR: tones('425/1000,0/4000', '425/300,0/200', '425/300,0/400'),
  AT: tones('420/1000,0/5000', '420/400,0/400', '420/200,0/200'),
  AU: tones('413+438/400,0/200,413+438/400,0/2000', '425/375,0/375', '425/375,0/375,420/375,0/375'),
  AW: recommendedTones,
  BB: northAmerica,
  BE: tones('425/1000,0/3000', '425/500,0/500', '425/167,0/167'),
  BG: recommendedTones,
  BH: tones('450/400,0/200,450/400,0/2000', '400/375,0/375', '400/400,0/350,400/225,0/525'),
  BR: tones('425/1000,0/4000', '425/250,0/250', '425/250,0/250,425/750,0/250'),
  BY: tones('425/800,0/3200', '425/400,0/400', '425/200,0/200'),
  CA: northAmerica,
  CH: tones('425/1000,0/4000', '425/500,0/500', '425/200,0/200'),
  CL: tones('400/1000,0/3000', '400/500,0/500', '400/200,0/200'),
  CN: tones('450/1000,0/4000', '450/350,0/350', '450/700,0/700'),
  CZ: tones('425/1000,0/4000', '425/330,0/330', '425/165,0/165'),
  DE: tones('425/1000,0/4000', '425/480,0/480', '425/240,0/240'),
  DK: tones('425/1000,0/4000', '425/500,0/500', '425/200,0/200'),
  EE: tones('425/1000,0/4000', '425/300,0/300', '425/200,0/200'),
  ES: tones('425/1500,0/3000', '425/200,0/200', '425/200,0/200,425/200,0/200,425/200,0/600'),
  FI: tones('425/1000,0/4000', '425/300,0/300', '425/200,0/200'),
  FR: tones('440/1500,0/3500', '440/500,0/500', '440/250,0/250'),
  GB: unitedKingdom,
  GG: unitedKingdom,
  GR: tones('425/1000,0/4000', '425/300,0/300', '425/200,0/200'),
  HK: tones('440+480/400,0/200,440+480/400,0/3000', '480+620/500,0/500', '480+620/250,0/250'),
  HU: tones('425/1250,0/3750', '425/300,0/300', '425/300,0/300'),
  ID: recommendedTones,
  IE: tones('400+450/400,0/200,400+450/400,0/2000', '425/500,0/500', '425/250,0/250'),
  IL: tones('414/1000,0/3000', '414/500,0/500', '414/250,0/250'),
  IM: unitedKingdom,
  IN: tones('400*25/400,0/200,400*25/400,0/2000', '400/750,0/750', '400/250,0/250'),
  IT: tones('425/1000,0/4000', '425/500,0/500', '425/200,0/200'),
  JE: unitedKingdom,
  JP: tones('400*16/1000,0/2000', '400/500,0/500', '400/500,0/500'),
  KR: tones('440+480/1000,0/2000', '480+620/500,0/500', '480+620/300,0/200'),
  LT: tones('425/1000,0/4000', '425/350,0/350', '425/200,0/200'),
  MX: tones('425/1000,0/4000', '425/250,0/250', '425/250,0/250'),
  MY: tones('425/400,0/200,425/400,0/2000', '425/500,0/500', '425/500,0/500'),
  NL: recommendedTones,
  NO: tones('425/1000,0/4000', '425/500,0/500', '425/200,0/200'),
  NZ: tones('400+450/400,0/200,400+450/400,0/2000', '400/500,0/500', '400/250,0/250'),
  PH: tones('425+480/1000,0/4000', '480+620/500,0/500', '480+620/250,0/250'),
  PL: tones('425/1000,0/4000', '425/500,0/500', '425/500,0/500'),
  PR: northAmerica,
  PT: tones('425/1000,0/5000', '425/500,0/500', '425/200,0/200'),
  RU: tones('425/1000,0/4000', '425/350,0/350', '425/175,0/175'),
  SE: tones('425/1000,0/5000', '425/250,0/250', '425/250,0/750'),
  SG: tones('425*24/400,0/200,425*24/400,0/2000', '425/750,0/750', '425/250,0/250'),
  TH: tones('420/1000,0/5000', '400/500,0/500', '400/300,0/300'),
  TW: tones('440+480/1000,0/2000', '480+620/500,0/500', '480+620/250,0/250'),
  US: northAmerica,
  VE: recommendedTones,
  ZA: tones('400*33/400,0/200,400*33/400,0/2000', '400/500,0/500', '400/250,0/250'),
};
