// lmcache-actord trace SUBCOMMAND.
#pragma once

#include <span>
#include <string>

namespace actord {

using trace_words = std::span<const std::string>;

/// Runs one of the commands that deal with trace files; prints what is wrong with the words.
/// @param words after `trace`
/// @returns the exit status: 2 for words that it cannot use
int run_trace(trace_words words);

// The commands, each in a file of its own; they take the words after their name.
int run_trace_info(trace_words words);
int run_trace_replay(trace_words words);
int run_trace_plot(trace_words words);
int run_trace_import(trace_words words);
int run_trace_simulate(trace_words words);

} // namespace actord
