"""The wire formats of other servers: Open Inference Protocol V2 and SageMaker."""
