import { describe, expect, it } from 'vitest';
import { cookieOf, setCookie } from './console-cookie.js';

describe("the console's cookie", () => {
  it.each([
    ['https://voice.example.com', '__Host-voice_gateway_console=a', 'a'],
    ['https://voice.example.com', 'voice_gateway_console=b', null],
    ['https://voice.example.com', 'voice_gateway_console=b; __Host-voice_gateway_console=a', 'a'],
    ['http://127.0.0.1:8080', 'voice_gateway_console=b', 'b'],
    ['http://127.0.0.1:8080', '__Host-voice_gateway_console=a', null],
    ['https://voice.example.com', '__Host-voice_gateway_console=', null],
  ])('at %s, %s is %s: what a sub-domain can set counts for nothing over https', (publicUrl, header, value) => {
    expect(cookieOf(publicUrl, header)).toBe(value);
  });

  it.each(['https://voice.example.com', 'http://127.0.0.1:8080'])('at %s is read as it was set', (publicUrl) => {
    expect(cookieOf(publicUrl, setCookie(publicUrl, 'value', 60).split(';')[0])).toBe('value');
  });
});
