/*
 * report_summary.h - what --summary prints
 *
 * Failed sources and the state of shards, as lines for people or one JSON
 * document, on standard output.
 */
#ifndef CONVERT_REPORT_SUMMARY_H
#define CONVERT_REPORT_SUMMARY_H

#include <stdbool.h>

#include "base/error.h"
#include "convert/summary.h"

/* False for lack of memory only: whether stdout took it the caller checks. */
bool report_summary(const struct summary *s, bool json, struct error *err);

#endif
