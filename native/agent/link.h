// The link of the machine to the network of its instance.
#pragma once
#include <string>

#include "settings.h"

void RaiseLink(const std::string& name);
// Its addresses, and the way out.
void SetUpLink(const Settings& settings);
