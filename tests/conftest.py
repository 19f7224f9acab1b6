"""What holds for every test."""

import torch

torch.set_num_threads(1)  # tests run side by side; threads that wait for each other's cores cost ten times the work
