/* Where values lie in JSON text: the parser gives values but not their bytes, and payload bytes must travel untouched.
 * Only for text that hw_json_parse accepted: nothing is checked here, but no byte at or after end is read. */
#pragma once
#include <stdint.h>

/* The first byte that is not a JSON blank. */
const uint8_t *hw_span_blanks(const uint8_t *p, const uint8_t *end);
/* The byte after the value that begins at p. */
const uint8_t *hw_span_value(const uint8_t *p, const uint8_t *end);
/* Walks the values of an array or the members of an object. Set at = the byte after '[' or '{'; each call gives the
 * bytes of the next value (in an object: of the member's value, its key is passed over). 0 at the end. */
int hw_span_next(const uint8_t **at, const uint8_t *end, int in_object, const uint8_t **out_begin,
                 const uint8_t **out_end);
/* As hw_span_next for the last member of an object that is the whole text (blanks around it allowed): its end is found
 * from the text's end, which saves walking through the value. The payload is mostly last, and mostly the bulk of the
 * text. */
int hw_span_last_member(const uint8_t **at, const uint8_t *end, const uint8_t **out_begin, const uint8_t **out_end);
