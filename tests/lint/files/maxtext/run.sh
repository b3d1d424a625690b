#!/bin/bash
python3 -m maxtext.trainers.pre_train.train src/maxtext/configs/base.yml model_name=mixtral-8x7b \
  per_device_batch_size=4 megablox=False sparse_matmul=False capacity_factor=1.25 max_target_length=4096
