/* Which topics the doors may write to. */
#pragma once
#include <stddef.h>

enum hw_topic_check { HW_TOPIC_OK, HW_TOPIC_BAD_NAME, HW_TOPIC_INTERNAL };
#define HW_TOPIC_RULE "1 to 249 of the characters a-z A-Z 0-9 . _ - (and not just \".\" or \"..\")"
enum hw_topic_check hw_ingest_topic_check(const char *name);
